import type { StoredRecord } from '../../client/ports';
import type { RecordCodec } from '../../session/state';
import type { FileSystem } from '../file-system';
import type { JournalKey } from './format';
import { type ScannedSegment, scanJournal } from './recovery';
import { chooseSegments, type SegmentChoice } from './segment-choice';
import { type FoundFile, findSegmentFiles } from './segment-files';
import type { JournalNotice, JournalPosition } from './types';

/** What there is of a journal, and what of it counts. Nothing was changed. */
export interface JournalSurvey<R> {
  files: FoundFile[];
  /** Files that are part of the journal. */
  kept: ReadonlySet<FoundFile>;
  choice: SegmentChoice;
  /** Those of `choice.scan` that hold at least one record that counts. */
  scanned: ScannedSegment[];
  /** All records above the state's sequence, in order. */
  records: StoredRecord<R>[];
  /** The last sequence that counts. */
  lastSequence: number;
  notices: JournalNotice[];
  /** Files in which records were lost. */
  damaged: { path: string; reason: string }[];
}

/**
 * Reads the journal in a session's directory as opening it would. Costs as much as opening: the backlog is not read.
 * @param trustNames See `chooseSegments`.
 * @throws SessionError `ERR_SESSION_VERSION`, or the system's error.
 */
export async function surveyJournal<R>(
  fileSystem: FileSystem,
  directory: string,
  key: JournalKey,
  codec: Pick<RecordCodec<R>, 'read'>,
  position: JournalPosition | undefined,
  stateSequence: number,
  trustNames = false,
): Promise<JournalSurvey<R>> {
  const files = await findSegmentFiles(fileSystem, directory);
  const choice = await chooseSegments(fileSystem, key, files, position, stateSequence, trustNames);
  const scan = await scanJournal(fileSystem, key, codec, choice.scan, stateSequence);
  const notices = [...choice.notices, ...scan.notices];
  for (const { number, firstSequence, lastSequence } of choice.missing) {
    const range = lastSequence > 0 ? `${firstSequence} to ${lastSequence}` : `from ${firstSequence} on`;
    notices.push({
      level: 'error',
      text: `Segment ${number} of the journal in ${directory} is missing: records ${range}`,
    });
  }
  const kept = new Set<FoundFile>([...choice.backlog, ...scan.segments.map(({ source }) => source)].map((s) => s.file));
  for (const { path, reason } of choice.foreign) {
    if (files.some((file) => file.path === path && kept.has(file))) continue;
    notices.push({ level: 'error', text: `${path} is not the segment that its name says: ${reason}` });
  }
  const { segments: scanned, records, lastSequence, damaged } = scan;
  return { files, kept, choice, scanned, records, lastSequence, notices, damaged };
}
