import * as path from 'node:path';
import type { FileSystem } from '../file-system';
import { segmentName } from './format';
import type { FoundFile } from './segment-files';
import type { Segment } from './segment-table';
import type { JournalNotice } from './types';

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
  segments: readonly { file: FoundFile; segment: Omit<Segment, 'path'> }[],
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
  const last = taken.at(-1);
  if (last) await cutAndSync(fileSystem, last);
  return taken;
}

/** What a killed process had written and not synced counts from here on, so it must be on the disk. */
async function cutAndSync(fileSystem: FileSystem, segment: Segment): Promise<void> {
  const file = await fileSystem.open(segment.path, 'write');
  try {
    if ((await file.size()) > segment.length) await file.truncate(segment.length);
    await file.sync();
  } finally {
    await file.close();
  }
}
