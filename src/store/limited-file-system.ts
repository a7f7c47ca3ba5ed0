import type { FileSystem } from './file-system';
import type { SyncLimiter } from './sync-limiter';

/**
 * `fileSystem` with every sync passing through `limiter`. Not for the journal, which passes its syncs itself:
 * a sync that waits inside another one's turn would wait for ever.
 */
export function limitSyncs(fileSystem: FileSystem, limiter: SyncLimiter): FileSystem {
  return {
    async open(path, access) {
      const file = await fileSystem.open(path, access);
      return {
        read: (target, offset, length, position) => file.read(target, offset, length, position),
        write: (source, offset, length, position) => file.write(source, offset, length, position),
        sync: () => limiter.run(() => file.sync()),
        truncate: (length) => file.truncate(length),
        size: () => file.size(),
        close: () => file.close(),
      };
    },
    makeDirectory: (path) => fileSystem.makeDirectory(path),
    list: (path) => fileSystem.list(path),
    status: (path) => fileSystem.status(path),
    rename: (from, to) => fileSystem.rename(from, to),
    link: (from, to) => fileSystem.link(from, to),
    remove: (path) => fileSystem.remove(path),
    removeDirectory: (path) => fileSystem.removeDirectory(path),
    syncDirectory: (path) => limiter.run(() => fileSystem.syncDirectory(path)),
    space: (path) => fileSystem.space(path),
  };
}
