import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { errorCode, SessionError } from '../errors';
import type { FileStatus, FileSystem, OpenFile } from './file-system';

/** Ending of files that are not in place yet. Left-overs of a crash are removed when their session is opened. */
export const TEMPORARY_SUFFIX = '.tmp';

/** Codes of `link` where hard links do not exist: FAT, some network shares. */
export const LINK_UNSUPPORTED: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
]);

const COPY_CHUNK_BYTES = 1024 * 1024;

/** The whole file. */
export function readFile(fileSystem: FileSystem, file: string): Promise<Buffer> {
  return readStart(fileSystem, file, Number.POSITIVE_INFINITY);
}

/** The file, or its first `bytesMax` bytes if it is larger. */
export async function readStart(fileSystem: FileSystem, file: string, bytesMax: number): Promise<Buffer> {
  const handle = await fileSystem.open(file, 'read');
  try {
    return await readFully(handle, 0, Math.min(await handle.size(), bytesMax));
  } finally {
    await handle.close();
  }
}

/** `length` bytes from `position` on, fewer where the file ends. */
export async function readFully(handle: OpenFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = await handle.read(bytes, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** Creates `file`, which must not exist, with `content`, and syncs it. On failure no file is left. */
export async function createFile(fileSystem: FileSystem, file: string, content: Buffer): Promise<void> {
  const handle = await fileSystem.open(file, 'create');
  try {
    try {
      await writeFully(handle, content);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await fileSystem.remove(file);
    throw error;
  }
}

/** Copies a file of any size to a name that must not exist, and syncs the copy. On failure none is left. */
export async function copyFile(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  const source = await fileSystem.open(from, 'read');
  try {
    const target = await fileSystem.open(to, 'create');
    try {
      try {
        const chunk = Buffer.allocUnsafe(COPY_CHUNK_BYTES);
        for (let position = 0; ; ) {
          const length = await source.read(chunk, 0, chunk.length, position);
          if (length === 0) break;
          await writeFully(target, chunk.subarray(0, length), position);
          position += length;
        }
        await target.sync();
      } finally {
        await target.close();
      }
    } catch (error) {
      await fileSystem.remove(to);
      throw error;
    }
  } finally {
    await source.close();
  }
}

/**
 * Puts `content` in the place of `file`: readers see the old file or the new one, also after a power cut.
 * Resolves when the new one is durable.
 */
export async function replaceFile(fileSystem: FileSystem, file: string, content: Buffer): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}${TEMPORARY_SUFFIX}`;
  await createFile(fileSystem, temporary, content);
  try {
    await fileSystem.rename(temporary, file);
  } catch (error) {
    await removeIfExists(fileSystem, temporary);
    throw error;
  }
  await fileSystem.syncDirectory(path.dirname(file));
}

/** Writes all of `content` from `position` on. A full disk may report no error and fewer bytes, so the count decides. */
export async function writeFully(handle: OpenFile, content: Buffer, position = 0): Promise<void> {
  let written = 0;
  while (written < content.length) {
    const count = await handle.write(content, written, content.length - written, position + written);
    if (count === 0) throw Object.assign(new Error('ENOSPC: nothing was written'), { code: 'ENOSPC' });
    written += count;
  }
}

/** `operation`'s result, or undefined when the file or directory does not exist. Other errors pass. */
export async function ifExists<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export async function removeIfExists(fileSystem: FileSystem, file: string): Promise<void> {
  await ifExists(fileSystem.remove(file));
}

/** A symbolic link would lead out of the storage path. @throws SessionError `ERR_STORE_PATH`; the system's error. */
export async function requireDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  if ((await fileSystem.status(directory)).kind === 'directory') return;
  throw new SessionError(
    'ERR_STORE_PATH',
    `${directory} is not a directory, but a file or a symbolic link. Nothing is stored in it: move it away.`,
    { details: { path: directory } },
  );
}

/** Names in a directory with their status; what vanishes meanwhile is left out. */
export async function listWithStatus(
  fileSystem: FileSystem,
  directory: string,
): Promise<{ name: string; status: FileStatus }[]> {
  const entries: { name: string; status: FileStatus }[] = [];
  for (const name of await fileSystem.list(directory)) {
    const status = await ifExists(fileSystem.status(path.join(directory, name)));
    if (status) entries.push({ name, status });
  }
  return entries;
}
