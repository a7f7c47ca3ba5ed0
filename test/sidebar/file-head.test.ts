import assert from 'node:assert/strict';
import { clientIdOf } from '../../plugins/mqtt-sessions/sidebar/file-head';
import { encodeMcpsV1 } from '../../src/mcps/v1';
import { exportedSession } from './exported-session';

describe('the client id in a file to be imported', () => {
  const ofText = (text: string) => clientIdOf(Buffer.from(text));

  it('is in the first line of an export', async () => {
    assert.equal(clientIdOf(await exportedSession('Fräser 7')), 'Fräser 7');
  });

  it('is in the header of a file of the original implementation', () => {
    const file = encodeMcpsV1({
      clientId: 'Fräser 7',
      version: 1,
      createdTime: 1,
      lastAccessTime: 2,
      expiryInterval: 3,
      subscriptions: [],
      lastPacketId: 4,
      inflight: [],
    });
    assert.equal(clientIdOf(file), 'Fräser 7');
    assert.equal(clientIdOf(file.subarray(0, 20)), undefined);
  });

  it('is not known of anything else', () => {
    for (const text of ['', 'null', '[]', '{"clientId":7}', '{"client', 'message\n{"clientId":"a"}']) {
      assert.equal(ofText(text), undefined, text);
    }
  });
});
