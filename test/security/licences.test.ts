import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const root = path.join(__dirname, '../..');

/** The script on the project, or on another lock file in a copy of the folder `scripts`. */
function licences(folder = root): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(folder, 'scripts/licences.mjs')], {
    encoding: 'utf8',
  });
  return { status, text: stdout + stderr };
}

describe('the licences of dependencies', () => {
  it('are all on the list, of the two that are published with the package and of those for development', () => {
    const { status, text } = licences();
    assert.equal(status, 0, text);
    assert.match(text, /^published with: .*\d+ MIT/m);
    assert.match(text, /^for development: .*\d+ MIT/m);
  });

  it('are told when one is not', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-licences-'));
    try {
      fs.cpSync(path.join(root, 'scripts'), path.join(folder, 'scripts'), { recursive: true });
      fs.copyFileSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
      const packages: Record<string, object> = {
        '': {},
        'node_modules/good': { version: '1.0.0', license: '(MIT OR GPL-3.0)' },
        'node_modules/both': { version: '1.0.0', license: 'MIT AND GPL-3.0' },
        'node_modules/none': { version: '1.0.0' },
        'node_modules/tool': { version: '1.0.0', license: 'MPL-2.0', dev: true },
        'node_modules/used': { version: '1.0.0', license: 'MPL-2.0' },
        'node_modules/said': { version: '1.0.0', license: 'MIT' },
      };
      fs.writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify({ packages }));
      // What is installed counts, not what the lock file says.
      fs.mkdirSync(path.join(folder, 'node_modules/said'), { recursive: true });
      fs.writeFileSync(path.join(folder, 'node_modules/said/package.json'), '{"licenses":[{"type":"GPL-2.0"}]}');
      const { status, text } = licences(folder);
      assert.equal(status, 1);
      const refused = [...text.matchAll(/^refused: (\w+)@/gm)].map(([, name]) => name);
      assert.deepEqual(refused, ['both', 'none', 'used', 'said']);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
