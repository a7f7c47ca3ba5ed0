import * as assert from 'node:assert/strict';
import os from 'node:os';
import * as path from 'node:path';
import * as sinon from 'sinon';
import { storeSettings } from '../../nodes/shared/store-settings';

describe("the sessions' folder of a user without a home directory", () => {
  beforeEach(() => {
    sinon.stub(os, 'homedir').throws(Object.assign(new Error('uv_os_homedir returned ENOENT'), { code: 'ENOENT' }));
  });
  afterEach(() => sinon.restore());

  it("is found in Node-RED's user directory, or where an absolute path leads", () => {
    const userDir = path.resolve('/data');
    assert.equal(storeSettings({}, userDir).path, path.join(userDir, 'mqtt-sessions'));
    const absolute = path.resolve('/var/lib/sessions');
    assert.equal(storeSettings({ path: absolute }, undefined).path, absolute);
  });

  it('is a named error when neither is there, with what to do', () => {
    assert.throws(() => storeSettings({ path: 'sessions' }, undefined), {
      code: 'ERR_STORE_PATH',
      message: /"sessions".*ENOENT.*absolute path/,
    });
  });
});
