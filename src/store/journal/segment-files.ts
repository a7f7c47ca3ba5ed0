import * as path from 'node:path';
import type { FileSystem } from '../file-system';
import { ifExists } from '../files';
import { decodeSegmentHeader, parseSegmentName, SEGMENT_HEADER_BYTES, type SegmentHeader } from './format';

/** A journal file as its name presents it. */
export interface FoundFile {
  name: string;
  path: string;
  epoch: number;
  number: number;
}

/** All files in `directory` that are named like journal segments, by number, the highest epoch of a number first. */
export async function findSegmentFiles(fileSystem: FileSystem, directory: string): Promise<FoundFile[]> {
  const files: FoundFile[] = [];
  for (const name of await fileSystem.list(directory)) {
    const parsed = parseSegmentName(name);
    if (parsed) files.push({ name, path: path.join(directory, name), ...parsed });
  }
  return files.sort((a, b) => a.number - b.number || b.epoch - a.epoch);
}

/** The highest epoch that a journal file in `directory` carries in its name; 0 without any. */
export async function highestEpoch(fileSystem: FileSystem, directory: string): Promise<number> {
  const files = await findSegmentFiles(fileSystem, directory);
  return files.reduce((highest, file) => Math.max(highest, file.epoch), 0);
}

/**
 * The header of a file and the file's size; undefined when it is gone, without `header` when that is damaged.
 * @throws Error with code `ERR_SESSION_VERSION` when a newer version wrote it.
 */
export async function inspectSegmentFile(
  fileSystem: FileSystem,
  filePath: string,
): Promise<{ header: SegmentHeader | undefined; size: number } | undefined> {
  const file = await ifExists(fileSystem.open(filePath, 'read'));
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    await file.read(bytes, 0, bytes.length, 0);
    return { header: decodeSegmentHeader(bytes), size: await file.size() };
  } finally {
    await file.close();
  }
}

/** The session uid in the newest journal file with a valid header, for a session whose snapshot is lost. */
export async function readJournalUid(fileSystem: FileSystem, directory: string): Promise<Buffer | undefined> {
  for (const file of (await findSegmentFiles(fileSystem, directory)).reverse()) {
    const found = await inspectSegmentFile(fileSystem, file.path);
    if (found?.header) return found.header.uid;
  }
  return undefined;
}
