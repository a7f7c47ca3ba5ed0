import * as assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import * as path from 'node:path';
import type { FileSystem, OpenFile } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { waitFor } from '../support/wait';
import { Bed, message, numbers } from './bed';

/** Segments of the journal; the file of dead letters is none. */
const SEGMENT = /^\d+-\d+\.mcpj$/;

/** The file system of this machine, with what is asked of it for new segments counted. */
class CountingFileSystem {
  writes = 0;
  bytesWritten = 0;
  syncs = 0;

  readonly port: FileSystem = {
    ...nodeFileSystem,
    open: async (file, access) => {
      const opened = await nodeFileSystem.open(file, access);
      return access === 'create' && SEGMENT.test(path.basename(file)) ? this.#counted(opened) : opened;
    },
  };

  get counts(): { writes: number; bytesWritten: number; syncs: number } {
    const { writes, bytesWritten, syncs } = this;
    return { writes, bytesWritten, syncs };
  }

  #counted(file: OpenFile): OpenFile {
    return {
      read: (target, offset, length, position) => file.read(target, offset, length, position),
      write: async (source, offset, length, position) => {
        const count = await file.write(source, offset, length, position);
        this.writes += 1;
        this.bytesWritten += count;
        return count;
      },
      sync: async () => {
        await file.sync();
        this.syncs += 1;
      },
      truncate: (length) => file.truncate(length),
      size: () => file.size(),
      close: () => file.close(),
    };
  }
}

describe('statistics, against what the file system saw:', () => {
  const bed = new Bed();

  const segmentsBelow = (directory: string): string[] =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((file) => SEGMENT.test(path.basename(file)))
      .map((file) => path.join(directory, file));

  const countsOf = ({ writes, bytesWritten, syncs }: { writes: number; bytesWritten: number; syncs: number }) => {
    return { writes, bytesWritten, syncs };
  };

  it('writes, bytes and syncs of the journal, and its size, over several openings', async () => {
    const disk = new CountingFileSystem();
    const store = await bed.store({ fileSystem: disk.port });
    const client = await bed.client({ store });
    for (let opening = 1; opening <= 3; opening++) {
      await client.open();
      for (const payload of numbers(3)) await client.publish(message(payload));
      await Promise.all(numbers(20).map((payload) => client.publish(message(payload.padEnd(1_000)))));
      await client.save();
      await waitFor(() => client.statistics().syncs === disk.syncs, { what: 'an idle journal' });
      const statistics = client.statistics();
      assert.deepEqual(countsOf(statistics), disk.counts);
      const sizes = segmentsBelow(store.path).map((file) => statSync(file).size);
      assert.equal(
        statistics.journalBytes,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      await client.close();
      assert.deepEqual(countsOf(client.statistics()), disk.counts);
      assert.equal(client.statistics().journalBytes, 0);
    }
    assert.ok(disk.bytesWritten > 60_000 && disk.syncs > 6);
  });

  it('and the next segment, which is prepared ahead', async () => {
    const disk = new CountingFileSystem();
    const store = await bed.store({ fileSystem: disk.port });
    const client = await bed.openClient({ store });
    for (let count = 1; count <= 10; count++) await client.publish(message('x'.repeat(1024 * 1024)));
    await waitFor(() => client.statistics().syncs === disk.syncs && segmentsBelow(store.path).length > 1, {
      what: 'a second segment',
    });
    await client.close();
    assert.deepEqual(countsOf(client.statistics()), disk.counts);
  });
});
