import type { FileSystem, OpenFile } from '../../../src/store/file-system';
import { MemoryDisk } from '../../support/memory-disk';

/** A file to read whose bytes are `content`. */
export function memoryFile(content: Buffer): OpenFile {
  return {
    read: async (target, offset, length, position) =>
      position >= content.length ? 0 : content.copy(target, offset, position, position + length),
    write: async () => {
      throw new Error('not to be written');
    },
    sync: async () => undefined,
    truncate: async () => undefined,
    size: async () => content.length,
    close: async () => undefined,
  };
}

/** A file system with these files, all of them directly in `directory`. */
export async function memoryFiles(directory: string, files: Record<string, Buffer>): Promise<FileSystem> {
  const disk = new MemoryDisk();
  await disk.makeDirectory(directory);
  for (const [name, content] of Object.entries(files)) disk.place(`${directory}/${name}`, content);
  return disk;
}
