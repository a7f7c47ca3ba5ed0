import type { StoredRecord } from '../../client/ports';
import { JournalKey, SEGMENT_HEADER_BYTES } from './format';
import { Journal, type JournalOptions } from './journal';
import { Reserve } from './reserve';
import { isNoSpace, JournalCounters, SegmentFile } from './segment-file';
import { SegmentTable } from './segment-table';
import { surveyJournal } from './survey';
import { setAside, takeOver } from './take-over';
import type { JournalNotice } from './types';

const RESERVE_BYTES = 256 * 1024;

export interface OpenedJournal<R> {
  journal: Journal<R>;
  /** All records above `stateSequence`, in order. */
  records: StoredRecord<R>[];
  /** What had to be cut, repaired or set aside. */
  notices: JournalNotice[];
}

/**
 * Recovers and takes over the journal in a session's directory, or begins one.
 * @throws SessionError `ERR_SESSION_VERSION` (nothing was touched), or the system's error; opening again is safe then.
 */
export async function openJournal<R>(options: JournalOptions<R>): Promise<OpenedJournal<R>> {
  const { fileSystem, directory, codec, epoch, position, stateSequence, quarantine } = options;
  const key = new JournalKey(options.uid);
  const survey = await surveyJournal(fileSystem, directory, key, codec, position, stateSequence, true);
  const { files, kept, choice, scanned, notices } = survey;
  const leftovers = files.filter((file) => !kept.has(file));
  for (const { path, reason } of survey.damaged) await setAside(quarantine, path, reason, notices);
  const pinned = new Set<string>();
  for (const { path, reason } of choice.foreign) {
    if (files.some((file) => file.path === path && kept.has(file))) continue;
    if (!(await setAside(quarantine, path, reason, notices))) pinned.add(path);
  }

  const segments = await takeOver(
    fileSystem,
    directory,
    epoch,
    [
      ...choice.backlog.map(({ file, number, firstSequence, length, isUnproven = false }) => ({
        file,
        segment: { number, firstSequence, length, isUnproven },
        durableLength: length,
      })),
      ...scanned.map(({ source, firstSequence, length, durableLength }) => ({
        file: source.file,
        segment: { number: source.number, firstSequence, length },
        durableLength,
      })),
    ],
    leftovers,
    (file) => fileSystem.remove(file.path),
  );

  const table = new SegmentTable(
    directory,
    epoch,
    segments,
    Math.max(0, ...files.map((file) => file.number), ...(position?.segments ?? []).map((segment) => segment.number)),
  );
  const counters = new JournalCounters();
  const nextSequence = survey.lastSequence + 1;
  const { number, path } = table.allot();
  const disk = { fileSystem, syncLimiter: options.syncLimiter, counters };
  const header = { uid: key.uid, epoch, number, attempt: 0, firstSequence: nextSequence, replacesFrom: nextSequence };
  const reserve = new Reserve(fileSystem, directory, options.reserveBytes ?? RESERVE_BYTES);
  await reserve.measure();
  let isFull = false;
  const active = await SegmentFile.create(disk, path, header).catch(async (error: unknown) => {
    // A full disk must not keep the queue from being drained.
    if (!isNoSpace(error) || !(await reserve.shrink(SEGMENT_HEADER_BYTES))) throw error;
    isFull = true;
    return await SegmentFile.create(disk, path, header);
  });
  segments.push({ number, path, firstSequence: nextSequence, length: active.end });

  const removable = leftovers.map((file) => file.path).filter((leftover) => !pinned.has(leftover));
  const journal = new Journal(options, key, table, active, counters, reserve, nextSequence, removable);
  if (!isFull) {
    await reserve.fill().catch((error: unknown) => {
      notices.push({ level: 'warn', text: `No room could be reserved in ${directory}: ${String(error)}` });
    });
  }
  return { journal, records: survey.records, notices };
}
