import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { isSessionDirectoryName, sessionDirectoryName } from '../../src/store/safe-name';

const awkward = [
  '',
  '.',
  '..',
  '../../etc/passwd',
  '..\\..\\windows',
  '/absolute',
  'C:\\drive',
  'a/b',
  'a:b',
  'a_b',
  'a\u0000b',
  'CON',
  'con.txt',
  'COM1',
  'name.',
  'name ',
  'Name',
  'name',
  'NAME',
  'é',
  'e\u0301',
  'ﬁ',
  'fi',
  '日本/東京',
  '𝄞',
  '*?"<>|',
  '~',
  'a~b',
  '-rf',
  ' ',
  '\n',
  'x'.repeat(65_535),
  `${'x'.repeat(65_534)}y`,
  '字'.repeat(21_845),
];

describe('the directory name of a session', () => {
  for (const clientId of awkward) {
    it(`is safe for ${JSON.stringify(clientId.slice(0, 20))} (${clientId.length} characters)`, () => {
      const name = sessionDirectoryName(clientId);
      assert.match(name, /^[A-Za-z0-9_-]+~[0-9a-f]{32}$/);
      assert.ok(name.length <= 73);
      assert.equal(path.dirname(path.resolve('/store', name)), '/store');
      assert.ok(isSessionDirectoryName(name));
    });
  }

  it('differs for different client ids, also where case and Unicode normalisation do not count', () => {
    const folded = awkward.map((clientId) => sessionDirectoryName(clientId).normalize('NFKC').toLowerCase());
    assert.equal(new Set(folded).size, awkward.length);
  });

  it('keeps what people read', () => {
    assert.match(sessionDirectoryName('plant-1_line'), /^plant-1_line~/);
    assert.match(sessionDirectoryName('plant/line:1'), /^plant_line_1~/);
  });

  it('is refused for what MQTT cannot carry', () => {
    assert.throws(() => sessionDirectoryName('x'.repeat(65_536)), { code: 'ERR_CLIENT_ID' });
    assert.throws(() => sessionDirectoryName('字'.repeat(21_846)), { code: 'ERR_CLIENT_ID' });
    assert.throws(() => sessionDirectoryName('a\ud800b'), { code: 'ERR_CLIENT_ID' });
  });

  it('is told from foreign names', () => {
    for (const name of ['quarantine', 'client-ids.json', 'a~b', '.deleted-12345678-a', `a.b~${'0'.repeat(32)}`]) {
      assert.equal(isSessionDirectoryName(name), false, name);
    }
  });
});
