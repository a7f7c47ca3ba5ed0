import * as assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { StoredRecord } from '../../../src/client/ports';
import { SessionError } from '../../../src/errors';
import type { RecordCodec } from '../../../src/session/state';
import type { FileSystem } from '../../../src/store/file-system';
import { ifExists, readFile, replaceFile } from '../../../src/store/files';
import {
  highestEpoch,
  type Journal,
  type JournalNotice,
  type JournalOptions,
  type JournalPosition,
  readJournalUid,
} from '../../../src/store/journal/journal';
import { openJournal } from '../../../src/store/journal/open-journal';
import { SyncLimiter } from '../../../src/store/sync-limiter';
import { ManualScheduler } from '../../support/manual-scheduler';

export const MESSAGE = 0x81;
export const STATE = 1;

export interface TestRecord {
  kind: number;
  text: string;
}

export const testCodec: RecordCodec<TestRecord> = {
  kind: (record) => record.kind,
  size: (record) => Buffer.byteLength(record.text),
  write: (record, target, offset) => offset + target.write(record.text, offset),
  read(kind, body) {
    if (kind !== MESSAGE && kind !== STATE) throw new SessionError('ERR_RECORD_INVALID', `kind ${kind}`);
    return { kind, text: body.toString() };
  },
};

export const DIRECTORY = '/session';
const SNAPSHOT = `${DIRECTORY}/snapshot.json`;

export interface Failure {
  error: Error;
  records: { sequence: number; record: TestRecord }[];
}

/** The part of a session store that a journal needs: a snapshot beside it, with the journal's position. */
export class TestStore {
  readonly quarantined: { path: string; reason: string }[] = [];
  /** Of opening and of running. */
  readonly notices: JournalNotice[] = [];
  readonly failures: Failure[] = [];
  readonly durableCalls: number[] = [];
  records: StoredRecord<TestRecord>[] = [];
  durable = 0;
  checkpointsDue = 0;
  lost: Error | undefined;
  /** Every text that was ever appended under a sequence. */
  readonly appended: Map<number, Set<string>>;
  neededFrom = 1;
  stateSequence = 0;
  next = 1;
  journal!: Journal<TestRecord>;
  readonly scheduler: ManualScheduler;
  #serial = 0;
  #changed: (() => void)[] = [];

  private constructor(
    readonly fileSystem: FileSystem,
    readonly options: Partial<JournalOptions<TestRecord>>,
    appended: Map<number, Set<string>>,
    serial: number,
  ) {
    this.appended = appended;
    this.scheduler = (options.scheduler as ManualScheduler | undefined) ?? new ManualScheduler();
    this.#serial = serial;
  }

  /** Opens the session in DIRECTORY as a store does. `before`: an earlier instance, for what it appended. */
  static async open(
    fileSystem: FileSystem,
    options: Partial<JournalOptions<TestRecord>> = {},
    before?: TestStore,
  ): Promise<TestStore> {
    const store = new TestStore(
      fileSystem,
      options,
      before?.appended ?? new Map(),
      before ? before.#serial + 1_000 : 0,
    );
    await store.#open();
    return store;
  }

  async #open(): Promise<void> {
    await this.fileSystem.makeDirectory(DIRECTORY);
    const snapshot = await this.#readSnapshot();
    const epoch = Math.max(snapshot?.epoch ?? 0, await highestEpoch(this.fileSystem, DIRECTORY)) + 1;
    this.stateSequence = snapshot?.stateSequence ?? 0;
    this.neededFrom = snapshot?.neededFrom ?? 1;
    const { journal, records, notices } = await openJournal<TestRecord>({
      fileSystem: this.fileSystem,
      scheduler: this.scheduler,
      directory: DIRECTORY,
      codec: testCodec,
      uid: snapshot?.position.uid ?? (await readJournalUid(this.fileSystem, DIRECTORY)) ?? randomBytes(16),
      epoch,
      durability: 'always',
      position: snapshot?.position,
      stateSequence: this.stateSequence,
      syncLimiter: new SyncLimiter(2),
      verifyHolder: async () => undefined,
      quarantine: async (path, reason) => {
        this.quarantined.push({ path, reason });
      },
      notice: (notice) => this.notices.push(notice),
      reserveBytes: 0,
      ...this.options,
    });
    this.journal = journal;
    this.records = records;
    this.notices.push(...notices);
    this.durable = Math.max(this.stateSequence, records.at(-1)?.sequence ?? 0);
    for (const { sequence, record } of records) {
      // Of several attempts under this sequence it is the one that counts from here on, so it goes last.
      const texts = this.appended.get(sequence);
      if (texts?.delete(record.text)) texts.add(record.text);
    }
    this.next = this.durable + 1;
    assert.equal(journal.nextSequence, this.next);
    journal.events = {
      durable: (sequence) => {
        this.durable = sequence;
        this.durableCalls.push(sequence);
        this.#wake();
      },
      failed: (error, failed) => {
        this.failures.push({ error, records: failed });
        this.next = this.durable + 1;
        this.#wake();
      },
      checkpointDue: () => {
        this.checkpointsDue++;
      },
      lost: (error) => {
        this.lost = error;
        this.#wake();
      },
    };
    await this.#writeSnapshot(journal.position());
  }

  /** Appends a message, or another record, of about `bytes` bytes. Returns its text. */
  append(bytes = 20, kind = MESSAGE): string {
    const sequence = this.next++;
    const text = `${kind === STATE ? 'state' : 'message'} ${sequence}/${++this.#serial}/`.padEnd(bytes, 'x');
    const known = this.appended.get(sequence) ?? new Set();
    this.appended.set(sequence, known.add(text));
    this.journal.append(sequence, { kind, text });
    return text;
  }

  /** Resolves when everything appended is reported durable; rejects when writing failed or the session is lost. */
  async committed(): Promise<void> {
    const failures = this.failures.length;
    await this.until(() => this.durable >= this.next - 1 || this.failures.length > failures || this.lost !== undefined);
    const failure = this.failures.at(failures);
    if (failure) throw failure.error;
    if (this.lost) throw this.lost;
  }

  /** Resolves when `condition` holds; looks at it after every event of the journal. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  async checkpoint(neededFrom = this.neededFrom, stateSequence = this.durable): Promise<void> {
    await this.journal.checkpoint(stateSequence, neededFrom, async (position) => {
      this.stateSequence = stateSequence;
      this.neededFrom = neededFrom;
      await this.#writeSnapshot(position);
    });
  }

  /** All messages from `neededFrom` on, read piece by piece. */
  async readAll(maxBytes = 200, after = this.neededFrom - 1): Promise<StoredRecord<TestRecord>[]> {
    const all: StoredRecord<TestRecord>[] = [];
    for (;;) {
      const some = await this.journal.read(all.at(-1)?.sequence ?? after, maxBytes);
      if (some.length === 0) return all;
      all.push(...some);
    }
  }

  /** Everything reported durable by now can be read. */
  async assertHoldsNow(): Promise<void> {
    const read = await this.readAll();
    const expected = [...this.appended.keys()].filter(
      (sequence) => sequence >= this.neededFrom && sequence <= this.durable,
    );
    assert.deepEqual(
      read.map((message) => message.sequence),
      expected,
    );
  }

  /** What `records` and `read` give is in order, was appended as such, and holds everything up to `durable`. */
  async assertHolds(durable: number): Promise<void> {
    const sequences = this.records.map((record) => record.sequence);
    assert.deepEqual(
      sequences,
      sequences.map((_, index) => this.stateSequence + 1 + index),
      'records above the snapshot are contiguous',
    );
    const last = this.records.at(-1)?.sequence ?? this.stateSequence;
    assert.ok(last >= durable, `record ${durable} was reported durable, recovered up to ${last}`);
    for (const { sequence, record } of this.records) this.#assertAppended(sequence, record);
    const messages = await this.readAll();
    let previous = 0;
    for (const { sequence, record } of messages) {
      assert.ok(sequence > previous, 'messages are read in order');
      this.#assertAppended(sequence, record);
      previous = sequence;
    }
    const read = new Set(messages.map((message) => message.sequence));
    for (let sequence = this.neededFrom; sequence <= durable; sequence++) {
      const texts = [...(this.appended.get(sequence) ?? [])];
      assert.ok(texts.length > 0);
      const isMessage = texts.at(-1)?.startsWith('message') ?? false;
      assert.ok(read.has(sequence) || !isMessage, `message ${sequence} was reported durable and cannot be read`);
    }
  }

  #assertAppended(sequence: number, record: TestRecord): void {
    assert.ok(this.appended.get(sequence)?.has(record.text), `record ${sequence} is ${record.text}, never appended`);
  }

  async #writeSnapshot(position: JournalPosition): Promise<void> {
    const { stateSequence, neededFrom } = this;
    const uid = position.uid.toString('hex');
    const content = { epoch: position.epoch, stateSequence, neededFrom, position: { ...position, uid } };
    await replaceFile(this.fileSystem, SNAPSHOT, Buffer.from(JSON.stringify(content)));
  }

  async #readSnapshot(): Promise<Snapshot | undefined> {
    const bytes = await ifExists(readFile(this.fileSystem, SNAPSHOT));
    if (bytes === undefined) return undefined;
    const content = JSON.parse(bytes.toString());
    return { ...content, position: { ...content.position, uid: Buffer.from(content.position.uid, 'hex') } };
  }

  #wake(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

interface Snapshot {
  epoch: number;
  stateSequence: number;
  neededFrom: number;
  position: JournalPosition;
}
