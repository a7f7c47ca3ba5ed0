import * as assert from 'node:assert/strict';
import { fixtures } from '../mcps/fixtures';
import { decodeV1 } from './mcps-decoder';

describe('formats: MCPS version 1 by docs/formats.md', () => {
  for (const { name, bytes, session } of fixtures()) {
    it(`reads ${name}`, () => {
      const { createdTime: created, lastAccessTime: lastAccess, ...rest } = session;
      assert.deepEqual(decodeV1(bytes), { ...rest, created, lastAccess });
    });

    it(`refuses ${name} when it is cut anywhere, or goes on`, () => {
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeV1(bytes.subarray(0, length)), `cut at ${length}`);
      }
      assert.throws(() => decodeV1(Buffer.concat([bytes, Buffer.alloc(1)])));
    });
  }
});
