import type { DeadLetterFile } from '../../client/ports';
import { errorCode, SessionError } from '../../errors';

import type { SnapshotDeadLetters } from '../../mcps/v2';
import type { RecordCodec } from '../../session/state';
import type { Scheduler } from '../scheduler';
import { FailedEntries, type FailedLimits } from './failed-entries';
import { FailedFile, type FailedFileOptions, type FreshEntry } from './failed-file';
import {
  BATCH_BYTES,
  DeadLetterKey,
  ENTRY_HEADER_BYTES,
  encodeEntry,
  isEntry,
  KEY_BYTES_MAX,
  RECORD_HEADER_BYTES,
} from './format';
import type { Entry } from './scan';

export const DEFAULT_DEAD_LETTER_BYTES = Math.floor(1024 ** 3 / 10);
export const DEFAULT_KEEP_FAILED_DAYS = 30;
export const DAY_MS = 86_400_000;

const BATCH_BYTES_MAX = 1024 * 1024;
const LIST_BYTES_MAX = 16 * 1024 * 1024;

export interface DeadLettersOptions<R> extends Omit<FailedFileOptions, 'key'>, FailedLimits {
  scheduler: Scheduler;
  /** Of the session, 16 bytes. */
  uid: Buffer;
  codec: RecordCodec<R>;
  /** Whether there may be a file. */
  mayExist: boolean;
}

interface Keep<R> {
  type: 'keep';
  key: string;
  record: R;
  resolve: () => void;
  reject: (error: unknown) => void;
}

interface Remove {
  type: 'remove';
  ids: readonly number[];
  resolve: (count: number) => void;
  reject: (error: unknown) => void;
}

/** Anything that needs the file for itself. */
interface Task {
  type: 'task';
  run: () => Promise<void>;
}

/**
 * The dead letters of an open session. Calls are worked off in order by one loop; keeps and removals that wait at the
 * same time go to the disk together, by one write and one sync.
 */
export class DeadLetters<R> implements DeadLetterFile<R> {
  readonly #options: DeadLettersOptions<R>;
  readonly #key: DeadLetterKey;
  readonly #file: FailedFile;
  readonly #entries: FailedEntries;
  #queue: (Keep<R> | Remove | Task)[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: DeadLettersOptions<R>) {
    this.#options = options;
    this.#key = new DeadLetterKey(options.uid);
    this.#file = new FailedFile({ ...options, key: this.#key });
    this.#entries = new FailedEntries(this.#file, this.#key, options);
    if (!options.mayExist) this.#file.beginEmpty();
  }

  /** See `DeadLetterFile.keep`. @throws TypeError for a key that is too long. */
  keep(key: string, record: R): Promise<void> {
    if (Buffer.byteLength(key) > KEY_BYTES_MAX) {
      return Promise.reject(new TypeError(`The key of a dead letter has at most ${KEY_BYTES_MAX} bytes: ${key}`));
    }
    return new Promise((resolve, reject) => this.#enqueue({ type: 'keep', key, record, resolve, reject }, reject));
  }

  /** See `DeadLetterFile.list`. What is damaged is passed over and reported. */
  list(after: number, limit: number): Promise<{ id: number; record: R; size: number }[]> {
    return this.#exclusively(async () => {
      const listed: { id: number; record: R; size: number }[] = [];
      let bytes = 0;
      for (const entry of this.#file.entries.values()) {
        if (listed.length >= limit || bytes >= LIST_BYTES_MAX) break;
        if (entry.id <= after) continue;
        const record = await this.#read(entry);
        if (record === undefined) continue;
        listed.push({ id: entry.id, record, size: entry.size });
        bytes += entry.size;
      }
      return listed;
    });
  }

  /** See `DeadLetterFile.remove`. */
  remove(ids: readonly number[]): Promise<number> {
    return new Promise((resolve, reject) => this.#enqueue({ type: 'remove', ids, resolve, reject }, reject));
  }

  /** See `DeadLetterFile.statistics`. */
  statistics(): { count: number; bytes: number; evicted: number } {
    return { count: this.#file.entries.size, bytes: this.#file.bytes, evicted: this.#entries.evicted };
  }

  /** What a snapshot says of them: while they have not been read, what the last one said. Undefined: not known. */
  get mark(): SnapshotDeadLetters | undefined {
    return this.#file.mark ?? this.#options.expected;
  }

  /** Removes what is too old, and what the bound leaves no room for. Resolves to how many. */
  tidy(): Promise<number> {
    return this.#exclusively(() => this.#entries.tidy(this.#options.scheduler.now()));
  }

  /** Finishes what was begun. Later calls are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#running !== undefined) await this.#running;
    await this.#file.close();
  }

  #enqueue(operation: Keep<R> | Remove | Task, reject: (error: unknown) => void): void {
    if (this.#isClosed) {
      reject(new SessionError('ERR_SESSION_CLOSED', `${this.#options.directory} is closed.`));
      return;
    }
    this.#queue.push(operation);
    this.#start();
  }

  #start(): void {
    // In the next microtask, so that everything asked for in this one goes together.
    this.#running ??= Promise.resolve()
      .then(() => this.#run())
      .finally(() => {
        this.#running = undefined;
        if (this.#queue.length > 0) this.#start();
      });
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = () => this.#file.load().then(work).then(resolve, reject);
      this.#enqueue({ type: 'task', run }, reject);
    });
  }

  async #run(): Promise<void> {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (first.type === 'task') {
        this.#queue.shift();
        await first.run();
      } else if (first.type === 'keep') {
        await this.#keepGroup();
      } else {
        await this.#removeGroup();
      }
    }
  }

  /** Keeps what waits, as far as it makes a batch. */
  async #keepGroup(): Promise<void> {
    const group: Keep<R>[] = [];
    try {
      await this.#file.load();
      const fresh: FreshEntry[] = [];
      const keys = new Set<string>();
      let bytes = BATCH_BYTES;
      for (let next = this.#queue[0]; next?.type === 'keep' && bytes < BATCH_BYTES_MAX; next = this.#queue[0]) {
        this.#queue.shift();
        const { key, record } = next;
        if (!this.#file.byKey.has(key) && !keys.has(key)) {
          const entry = this.#tryEncode(this.#file.nextId + fresh.length, key, record);
          if (entry instanceof Error) {
            // Only this one: those beside it have nothing to do with it.
            next.reject(entry);
            continue;
          }
          fresh.push(entry);
          keys.add(key);
          bytes += entry.size;
        }
        group.push(next);
      }
      await this.#entries.store(fresh, bytes);
    } catch (error) {
      if (group.length === 0) group.push(...this.#takeWaiting<Keep<R>>('keep'));
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { resolve } of group) resolve();
  }

  async #removeGroup(): Promise<void> {
    const group = this.#takeWaiting<Remove>('remove');
    try {
      await this.#file.load();
      const ids = new Set<number>();
      const counts = group.map((operation) => {
        const before = ids.size;
        for (const id of operation.ids) if (this.#file.entries.has(id)) ids.add(id);
        return ids.size - before;
      });
      await this.#entries.remove(ids);
      for (const [index, { resolve }] of group.entries()) resolve(counts[index] ?? 0);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  #takeWaiting<T extends Keep<R> | Remove>(type: T['type']): T[] {
    const end = this.#queue.findIndex((operation) => operation.type !== type);
    return this.#queue.splice(0, end < 0 ? this.#queue.length : end) as T[];
  }

  /** The error when there is no way to write the record. */
  #tryEncode(id: number, key: string, record: R): FreshEntry | Error {
    try {
      return this.#encode(id, key, record);
    } catch (error) {
      return error as Error;
    }
  }

  #encode(id: number, key: string, record: R): FreshEntry {
    const { codec, scheduler } = this.#options;
    const keptAt = Math.max(0, Math.floor(scheduler.now()));
    const kind = codec.kind(record);
    const bytes = encodeEntry(this.#key, { id, keptAt, kind, key }, codec.size(record), (target, offset) =>
      codec.write(record, target, offset),
    );
    return { id, key, keptAt, size: bytes.length, bytes };
  }

  async #read(entry: Entry): Promise<R | undefined> {
    const { codec, notice } = this.#options;
    const bytes = await this.#file.read(entry);
    try {
      if (!isEntry(this.#key, bytes, entry.id))
        throw new SessionError('ERR_RECORD_INVALID', 'its checksum does not hold');
      const contentStart = RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES + bytes.readUInt8(30);
      return codec.read(bytes.readUInt8(29), bytes.subarray(contentStart));
    } catch (error) {
      if (errorCode(error) !== 'ERR_RECORD_INVALID') throw error;
      notice({
        level: 'error',
        text: `The dead letter ${entry.id} in ${this.#file.path} cannot be read: ${(error as Error).message}.`,
      });
      return undefined;
    }
  }
}
