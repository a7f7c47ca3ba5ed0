import type { FileSystem, OpenFile } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';

/** The process was killed: nothing it does reaches the disk any more. */
export class Killed extends Error {}

/** Real files, and a process that is killed in place of its `killAt`-th change to them (counted from 1). */
export function crashingFileSystem(killAt: number): FileSystem & { changes(): number } {
  let changes = 0;
  const change = async <T>(operation: () => Promise<T>): Promise<T> => {
    changes++;
    if (changes >= killAt) throw new Killed();
    return operation();
  };
  const look = async <T>(operation: () => Promise<T>): Promise<T> => {
    if (changes >= killAt) throw new Killed();
    return operation();
  };
  return {
    changes: () => changes,
    async open(path, access) {
      const file: OpenFile = await (access === 'create' ? change : look)(() => nodeFileSystem.open(path, access));
      return {
        read: (...args) => look(() => file.read(...args)),
        write: (...args) => change(() => file.write(...args)),
        sync: () => look(() => file.sync()),
        truncate: (length) => change(() => file.truncate(length)),
        size: () => look(() => file.size()),
        close: () => file.close(),
      };
    },
    makeDirectory: (path) => change(() => nodeFileSystem.makeDirectory(path)),
    list: (path) => look(() => nodeFileSystem.list(path)),
    status: (path) => look(() => nodeFileSystem.status(path)),
    rename: (from, to) => change(() => nodeFileSystem.rename(from, to)),
    link: (from, to) => change(() => nodeFileSystem.link(from, to)),
    remove: (path) => change(() => nodeFileSystem.remove(path)),
    removeDirectory: (path) => change(() => nodeFileSystem.removeDirectory(path)),
    syncDirectory: (path) => look(() => nodeFileSystem.syncDirectory(path)),
    space: (path) => look(() => nodeFileSystem.space(path)),
  };
}
