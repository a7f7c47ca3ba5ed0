import * as path from 'node:path';
import type { FileSystem, OpenFile } from '../file-system';
import { writeFully } from '../files';
import { segmentName } from './format';
import { isNoSpace } from './segment-file';
import type { FoundFile } from './segment-files';
import type { Segment } from './segment-table';
import type { JournalNotice } from './types';

const COPY_CHUNK_BYTES = 1024 * 1024;

/** A segment to be taken over. */
export interface SegmentToTake {
  file: FoundFile;
  segment: Omit<Segment, 'path'>;
  /** Up to here it is known to be on the disk. */
  durableLength: number;
}

/** Copies a damaged file to where it is kept for inspection. */
export type Quarantine = (path: string, reason: string) => Promise<void>;

/** Calls `quarantine`; its failure becomes part of the notices. Resolves to whether the copy was made. */
export async function setAside(
  quarantine: Quarantine,
  filePath: string,
  reason: string,
  notices: JournalNotice[],
): Promise<boolean> {
  try {
    await quarantine(filePath, reason);
    return true;
  } catch (error) {
    notices.push({ level: 'error', text: `${filePath} could not be copied to quarantine: ${String(error)}` });
    return false;
  }
}

/**
 * Gives the segments of a journal their names of a new epoch, and cuts the torn tail of the last one. Every step leaves
 * a directory that recovery understands; repeating all of it is harmless.
 */
export async function takeOver(
  fileSystem: FileSystem,
  directory: string,
  epoch: number,
  segments: readonly SegmentToTake[],
  others: readonly FoundFile[],
  removeOther: (file: FoundFile) => Promise<void>,
): Promise<Segment[]> {
  const taken: Segment[] = [];
  let renamed = false;
  for (const { file, segment } of segments) {
    const name = segmentName(epoch, segment.number);
    const target = path.join(directory, name);
    if (file.name !== name) {
      const inTheWay = others.find((other) => other.name === name);
      if (inTheWay) await removeOther(inTheWay);
      await fileSystem.rename(file.path, target);
      renamed = true;
    }
    taken.push({ ...segment, path: target });
  }
  if (renamed) await fileSystem.syncDirectory(directory);
  for (const [index, segment] of taken.entries()) {
    const durableLength = segments[index]?.durableLength ?? 0;
    if (index === taken.length - 1 || durableLength < segment.length) await secure(fileSystem, segment, durableLength);
  }
  return taken;
}

/** What a killed process had written and not synced counts from here on, so it must be on the disk. */
async function secure(fileSystem: FileSystem, segment: Segment, durableLength: number): Promise<void> {
  const file = await fileSystem.open(segment.path, 'write');
  try {
    if ((await file.size()) > segment.length) await file.truncate(segment.length);
    await writeAgain(file, durableLength, segment.length);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Puts the same bytes in their place. If the last sync of the killed process failed, the system still shows them and
 * will never write them: another sync would succeed without doing anything.
 */
async function writeAgain(file: OpenFile, from: number, to: number): Promise<void> {
  const chunk = Buffer.allocUnsafe(Math.max(0, Math.min(COPY_CHUNK_BYTES, to - from)));
  for (let position = from; position < to; ) {
    const length = await file.read(chunk, 0, Math.min(chunk.length, to - position), position);
    if (length === 0) return;
    try {
      await writeFully(file, chunk.subarray(0, length), position);
    } catch (error) {
      // A full disk that writes nothing in place must not keep the queue from being drained.
      if (isNoSpace(error)) return;
      throw error;
    }
    position += length;
  }
}
