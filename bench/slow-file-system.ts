import { setTimeout as sleep } from 'node:timers/promises';
import type { FileSystem } from '../src/store/file-system';

/** A file system whose syncs take at least `syncMs`, as on an SD card; everything else is as fast as below. */
export function withSlowSyncs(fileSystem: FileSystem, syncMs: number): FileSystem {
  return {
    ...fileSystem,
    async open(path, access) {
      const file = await fileSystem.open(path, access);
      return {
        ...file,
        sync: async () => {
          await Promise.all([file.sync(), sleep(syncMs)]);
        },
      };
    },
    syncDirectory: async (path) => {
      await Promise.all([fileSystem.syncDirectory(path), sleep(syncMs)]);
    },
  };
}
