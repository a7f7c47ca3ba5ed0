import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readSources, root } from '../architecture/sources';
import { temporaryDirectory } from '../nodes/flow';

const images = path.join(root, 'docs', 'images');

/** Pictures that README and documents show, by their names in docs/images. */
function shown(): string[] {
  const documents = [...readSources(['README.md', 'docs'], ['.md']).values()];
  const names = documents.flatMap((text) => [...text.matchAll(/\]\((?:docs\/)?images\/([\w-]+\.png)\)/g)]);
  return [...new Set(names.map(([, name = '']) => name))].sort();
}

const pictures = (folder: string) => fs.readdirSync(folder).filter((name) => name.endsWith('.png'));

describe('the pictures of README and documents', () => {
  it('are all there, and all shown', () => {
    assert.ok(shown().length >= 5, shown().join());
    assert.deepEqual(pictures(images).sort(), shown());
  });

  // The same pictures in the editor of Node-RED 5 would say nothing new.
  if (process.env.NODE_RED_DIR === undefined) {
    it('are those that npm run screenshots takes', () => {
      const folder = temporaryDirectory();
      execFileSync(process.execPath, ['scripts/screenshots.mjs', '--folder', folder, '--graph-seconds', '1'], {
        cwd: root,
        env: { ...process.env, NODE_BINARY: undefined },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      assert.deepEqual(pictures(folder).sort(), shown());
      const [widths, ours] = [folder, images].map((one) =>
        shown().map((name) => `${name}: ${fs.readFileSync(path.join(one, name)).readUInt32BE(16)}`),
      );
      assert.deepEqual(widths, ours, 'width of the pictures in pixels');
    }).timeout(120_000);
  }
});
