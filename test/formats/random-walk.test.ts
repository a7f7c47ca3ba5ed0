import * as assert from 'node:assert/strict';
import { temporaryDirectory } from '../store/support';
import { walk } from './random-walk';

describe('formats: random sessions by docs/formats.md', () => {
  const directory = temporaryDirectory();

  for (const seed of [1, 2, 3, 4, 5]) {
    it(`are read as the package reads them, seed ${seed}`, async () => {
      assert.ok((await walk(directory(), seed)) > 0);
    });
  }
});
