import * as path from 'node:path';
import type { StoredRecord } from '../client/ports';
import type { McpsV2Snapshot } from '../mcps/v2';
import type { RecordCodec } from '../session/state';
import { StoredDeadLetters } from './dead-letters/stored';
import type { FileSystem } from './file-system';
import { JournalKey } from './journal/format';
import { JournalReader } from './journal/reader';
import { scanJournal } from './journal/recovery';
import { readJournalUid } from './journal/segment-files';
import { SegmentTable } from './journal/segment-table';
import { type JournalSurvey, surveyJournal } from './journal/survey';
import type { JournalNotice } from './journal/types';
import { readLockFile } from './lock-chain';
import { newSnapshot } from './new-snapshot';
import { LOCK_FILE_NAME } from './session-summary';
import { findStoredFiles, type StoredFiles } from './snapshots';

/** Records of one stretch of the journal, checked. */
export interface CheckedRecords<R> {
  records: StoredRecord<R>[];
  notices: JournalNotice[];
}

/**
 * The session in a directory as opening it would find it: the same recovery, but nothing is locked, renamed, cut or set
 * aside. Whoever reads it sees to it that nobody has it open meanwhile.
 */
export class StoredSession<R> {
  /** The snapshot in force; when all are lost, an empty one. */
  readonly snapshot: McpsV2Snapshot;
  /** Damage that `read` met; also found by `check`. */
  readonly readNotices: JournalNotice[] = [];
  readonly #reader: JournalReader<R>;
  readonly #hasSegments: boolean;

  /** @internal Use `readStoredSession`. */
  constructor(
    private readonly fileSystem: FileSystem,
    readonly directory: string,
    readonly files: StoredFiles,
    snapshot: McpsV2Snapshot,
    readonly journal: JournalSurvey<R>,
    private readonly key: JournalKey,
    private readonly codec: RecordCodec<R>,
  ) {
    this.snapshot = snapshot;
    const { choice, scanned, lastSequence } = journal;
    const segments = [
      ...choice.backlog.map(({ file, number, firstSequence, length }) => ({ number, firstSequence, length, file })),
      ...scanned.map(({ source, firstSequence, length }) => ({
        number: source.number,
        firstSequence,
        length,
        file: source.file,
      })),
    ].map(({ file, ...segment }) => ({ ...segment, path: file.path }));
    this.#hasSegments = segments.length > 0;
    this.#reader = new JournalReader({
      fileSystem,
      key,
      codec,
      table: new SegmentTable(directory, snapshot.journal.epoch, segments, 0),
      durable: () => lastSequence,
      damaged: async (segment, first, last, reason) => {
        const text = `${segment.path} is damaged, records ${first} to ${last} are lost: ${reason}`;
        this.readNotices.push({ level: 'error', text });
      },
      crossed: () => undefined,
    });
  }

  /** The last sequence that counts. */
  get lastSequence(): number {
    return this.journal.lastSequence;
  }

  /** See `SessionJournal.read`. What is damaged is passed over and noted. */
  async read(after: number, maxBytes: number): Promise<StoredRecord<R>[]> {
    return this.#hasSegments ? this.#reader.read(after, maxBytes) : [];
  }

  /**
   * Reads the whole journal, segment after segment, every record with its checksum, and gives them to `codec`.
   * The last stretch is all that recovery would scan; those before it are one segment of the backlog each.
   */
  async *check<T>(codec: Pick<RecordCodec<T>, 'read'>): AsyncGenerator<CheckedRecords<T>> {
    const { backlog, scan } = this.journal.choice;
    for (const [index, source] of backlog.entries()) {
      const next = backlog[index + 1] ?? scan[0];
      const last = (next?.firstSequence || source.firstSequence) - 1;
      const checked = await scanJournal(this.fileSystem, this.key, codec, [source], last, source.firstSequence);
      yield { records: checked.records.filter(({ sequence }) => sequence <= last), notices: checked.notices };
    }
    const first = scan[0]?.firstSequence || 1;
    const { sequence } = this.snapshot.state;
    const { records, notices } = await scanJournal(this.fileSystem, this.key, codec, scan, sequence, first);
    yield { records, notices };
  }

  /** Undefined: there are none. To be closed. @throws SessionError `ERR_SESSION_VERSION`; the system's error. */
  async deadLetters(): Promise<StoredDeadLetters<R> | undefined> {
    const { fileSystem, directory, key, codec } = this;
    const lock = await readLockFile(fileSystem, path.join(directory, LOCK_FILE_NAME));
    return StoredDeadLetters.open(fileSystem, directory, key.uid, codec, lock === undefined);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}

/**
 * @param clientId What it must be the session of; undefined: whatever its snapshot says. Needed when all snapshots are
 * lost, else the result's snapshot has an empty client id then.
 * @returns undefined when nothing is stored in `directory`.
 * @throws SessionError `ERR_SESSION_VERSION` when a newer version wrote it; the system's errors.
 */
export async function readStoredSession<R>(
  fileSystem: FileSystem,
  directory: string,
  clientId: string | undefined,
  codec: RecordCodec<R>,
): Promise<StoredSession<R> | undefined> {
  const files = await findStoredFiles(fileSystem, directory, { clientId });
  if (files.snapshotPaths.length === 0 && !files.hasSegments) return undefined;
  const uid = files.snapshot ? undefined : await readJournalUid(fileSystem, directory);
  const snapshot = files.snapshot ?? newSnapshot(clientId ?? '', 0, uid);
  const key = new JournalKey(snapshot.journal.uid);
  const position = files.snapshot?.journal;
  const survey = await surveyJournal(fileSystem, directory, key, codec, position, snapshot.state.sequence);
  return new StoredSession(fileSystem, directory, files, snapshot, survey, key, codec);
}
