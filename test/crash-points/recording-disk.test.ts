import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { errorCode } from '../../src/errors';
import type { FileSystem } from '../../src/store/file-system';
import { writeFully } from '../../src/store/files';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { temporaryDirectory } from '../store/support';
import { seededRandom } from '../support/memory-disk';
import { RecordingDisk } from './recording-disk';

const NAMES = ['a', 'b', 'c'];

describe('the recording disk', () => {
  const directory = temporaryDirectory();

  it('answers as the file system of the machine does', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const disk = new RecordingDisk();
      await disk.makeDirectory('/0/root');
      const root = path.join(directory(), String(seed));
      await nodeFileSystem.makeDirectory(root);
      const steps = drawSteps(seed);
      assert.deepEqual(
        await outcomes(disk, '/0/root', steps),
        await outcomes(nodeFileSystem, root, steps),
        `seed ${seed}`,
      );
    }
  }).timeout(60_000);
});

type Step = (fileSystem: FileSystem, file: (name: string) => string) => Promise<unknown>;

function drawSteps(seed: number): Step[] {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const name = (): string => [NAMES[below(3)], ...(random() < 0.5 ? [NAMES[below(3)]] : [])].join('/');
  return Array.from({ length: 60 }, (): Step => {
    const [one, other, position, length] = [name(), name(), below(40), below(40)];
    switch (below(9)) {
      case 0:
        return (fileSystem, file) => fileSystem.makeDirectory(file(one));
      case 1:
        return async (fileSystem, file) => (await fileSystem.open(file(one), 'create')).close();
      case 2:
        return async (fileSystem, file) => {
          const handle = await fileSystem.open(file(one), 'write');
          await writeFully(handle, Buffer.alloc(length, one), position);
          await handle.sync();
          await handle.close();
        };
      case 3:
        return async (fileSystem, file) => {
          const handle = await fileSystem.open(file(one), 'write');
          await handle.truncate(length);
          const size = await handle.size();
          await handle.close();
          return size;
        };
      case 4:
        return (fileSystem, file) => fileSystem.rename(file(one), file(other));
      case 5:
        return (fileSystem, file) => fileSystem.link(file(one), file(other));
      case 6:
        return (fileSystem, file) => fileSystem.remove(file(one));
      case 7:
        return (fileSystem, file) => fileSystem.removeDirectory(file(one));
      default:
        return async (fileSystem, file) => {
          const { kind, size } = await fileSystem.status(file(one));
          if (kind === 'directory') return (await fileSystem.list(file(one))).sort();
          const handle = await fileSystem.open(file(one), 'read');
          const bytes = Buffer.alloc(100);
          const count = await handle.read(bytes, 0, 100, position);
          await handle.close();
          return [size, count, bytes.toString('hex')];
        };
    }
  });
}

async function outcomes(fileSystem: FileSystem, root: string, steps: readonly Step[]): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const step of steps) {
    results.push(await step(fileSystem, (name) => path.join(root, name)).catch((error: Error) => errorCode(error)));
  }
  return results;
}
