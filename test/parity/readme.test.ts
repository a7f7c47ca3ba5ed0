import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { differences } from './differences';

const root = path.resolve(__dirname, '..', '..');
const testFiles = fs
  .readdirSync(__dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => fs.readFileSync(path.join(__dirname, file), 'utf8'));

describe('the list of differences', () => {
  it('is the one in docs/differences.md', () => {
    const document = fs.readFileSync(path.join(root, 'docs', 'differences.md'), 'utf8');
    const rows = document.split('\n').filter((line) => line.startsWith('|'));
    const expected = differences.map(({ what, here, why }) => `| ${what} | ${here} | ${why} |`.replace('|  |', '| |'));
    assert.deepEqual(rows.slice(2), expected);
  });

  for (const { id, what, shownBy } of differences) {
    it(`is shown by a test: ${what}`, () => {
      if (shownBy === undefined)
        assert.ok(
          testFiles.some((text) => text.includes(`by: '${id}'`)),
          `no row differs by ${id}`,
        );
      else assert.ok(fs.existsSync(path.join(root, shownBy)), `${shownBy} does not exist`);
    });
  }
});
