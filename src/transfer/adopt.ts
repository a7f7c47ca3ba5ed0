import { createHash } from 'node:crypto';
import { queuedMessages } from '../client/session-copy';
import { errorCode, SessionError } from '../errors';
import type { QueuedMessage } from '../session/message';
import { messageSize } from '../session/record-codec';
import { RecordKind, type SessionRecord } from '../session/records';
import { type RecoveredOutbound, Recovery } from '../session/recovery';
import { sessionCodec } from '../session/session-codec';
import type { FileSession } from '../store/file-session';
import type { FileSystem } from '../store/file-system';
import type { SessionStore } from '../store/session-store';
import { withStoragePath } from '../store/storage-path';
import { readStoredSession } from '../store/stored-session';
import { recordTime, type TransferredMessage, type TransferTarget, transferInOrder } from './target';

const DEAD_LETTER_PAGE = 100;

export interface Adoption {
  /** Messages in the target's queue that were not there before. */
  messages: number;
  /** Messages that an earlier adoption, which was interrupted, had brought there. */
  duplicates: number;
  deadLetters: number;
  /** False: somebody opened the emptied session before it could be deleted, and has it now, or has used it. */
  deleted: boolean;
  /** Damage found in the session that was adopted, each a sentence. */
  notices: string[];
}

/**
 * Moves the messages of a stored session that nobody has open to the end of another session's queue, in their order, and
 * deletes it. What it had sent without an acknowledgement comes first and is sent as new: the broker knows it under
 * another client id, so it may arrive twice, as after a lost session. Dead letters move, too. Subscriptions and what the
 * broker holds for the old client id stay behind.
 *
 * enqueue in the target with its source -> durable -> removed from the source, durably -> the target forgets the source
 * -> the source is deleted. Interrupted anywhere, it is repeated with the same call: nothing is lost and nothing doubled,
 * as long as the source was not used in between. When the target takes no more (`ERR_QUEUE_FULL`), what it took is removed from the
 * source and the rest stays there; the call is repeated when there is room. Nothing of the target is dropped for it.
 *
 * @param target Open, in the same store or another one.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_SAME`, `ERR_SESSION_LOCKED` (in use), `ERR_SESSION_VERSION`
 * (of a newer version); the target's errors, which have `moved`: so many messages are in the target now; the
 * system's.
 */
export async function adoptSession(store: SessionStore, clientId: string, target: TransferTarget): Promise<Adoption> {
  if (clientId === target.clientId) {
    throw new SessionError(
      'ERR_SESSION_SAME',
      `"${clientId}" is the session that would adopt. Name the orphaned one.`,
      {
        details: { clientId },
      },
    );
  }
  const prefix = `adopt ${createHash('sha256').update(clientId).digest('hex').slice(0, 32)} `;
  const earlier = target.transferSources().filter((id) => id.startsWith(prefix));
  if (!(await store.exists(clientId))) {
    if (earlier.length === 0) {
      throw new SessionError('ERR_SESSION_UNKNOWN', `There is no session "${clientId}" in the store ${store.path}.`, {
        details: { clientId, storePath: store.path },
      });
    }
    // An adoption that was interrupted right before its end.
    for (const id of earlier) target.endTransfer(id);
    return { messages: 0, duplicates: 0, deadLetters: 0, deleted: true, notices: [] };
  }
  const limits = { deadLetterBytes: Number.POSITIVE_INFINITY, keepFailedDays: Number.POSITIVE_INFINITY };
  const journal = await store.open(clientId, sessionCodec, undefined, limits);
  const source = prefix + journal.recovered.uid;
  const move = new Move(journal, store.path, source, target);
  let adoption: Omit<Adoption, 'deleted'>;
  try {
    adoption = await move.run();
  } catch (error) {
    // The first error is the one to report.
    await journal.close().catch(() => undefined);
    throw error;
  }
  await withStoragePath(store.path, journal.close());
  // Also those of a session of the same client id that was deleted before this one was made.
  for (const id of new Set([...earlier, source])) target.endTransfer(id);
  return { ...adoption, deleted: await deleteEmptied(store, clientId, journal.recovered.uid, move.lastSequence) };
}

/** Deletes the session unless it was used since `lastSequence` was its last record. Resolves to whether it is gone. */
async function deleteEmptied(
  store: SessionStore,
  clientId: string,
  uid: string,
  lastSequence: number,
): Promise<boolean> {
  let isEmptied = true;
  try {
    await store.delete(clientId, async (fileSystem, directory) => {
      isEmptied = await isAsLeft(fileSystem, directory, clientId, uid, lastSequence);
      if (!isEmptied) throw new Error(`"${clientId}" was used again`);
    });
    return true;
  } catch (error) {
    if (!isEmptied || errorCode(error) === 'ERR_SESSION_LOCKED') return false;
    throw error;
  }
}

/** With the lock of the session held. */
async function isAsLeft(
  fileSystem: FileSystem,
  directory: string,
  clientId: string,
  uid: string,
  lastSequence: number,
): Promise<boolean> {
  const stored = await readStoredSession(fileSystem, directory, clientId, sessionCodec);
  if (stored === undefined) return true;
  try {
    if (stored.snapshot.journal.uid.toString('hex') !== uid || stored.lastSequence !== lastSequence) return false;
    const deadLetters = await stored.deadLetters();
    await deadLetters?.close();
    return (deadLetters?.count ?? 0) === 0;
  } finally {
    await stored.close();
  }
}

/** What taking messages up to `last` out of a session removes, those included that are dead letters of the target. */
function withGivenUp(
  moved: { last: number; count: number; bytes: number },
  { failed }: RecoveredOutbound,
): typeof moved {
  const also = failed.filter(({ outbound }) => outbound.message.sequence <= moved.last);
  return {
    last: moved.last,
    count: moved.count + also.length,
    bytes: also.reduce((bytes, { outbound }) => bytes + outbound.size, moved.bytes),
  };
}

/** One run: everything from the journal to the target, then out of the journal. */
class Move {
  readonly #recovery: Recovery;
  #sequence: number;
  #moved = { last: 0, count: 0, bytes: 0 };
  #isRemoved = false;

  constructor(
    private readonly journal: FileSession<SessionRecord>,
    private readonly storagePath: string,
    private readonly source: string,
    private readonly target: TransferTarget,
  ) {
    this.#recovery = new Recovery(journal.recovered.state, journal.recovered.records);
    this.#sequence = this.#recovery.sequence;
    journal.recovered.records = [];
  }

  /** The last record of the session, those of the removal included. */
  get lastSequence(): number {
    return this.#sequence;
  }

  async run(): Promise<Omit<Adoption, 'deleted'>> {
    const { journal, storagePath, target } = this;
    for (let read = this.#recovery.nextRead(); read !== undefined; read = this.#recovery.nextRead()) {
      this.#recovery.readDone(await this.#read(read.after, read.maxBytes));
    }
    const outbound = this.#recovery.outbound();
    const givenUp = await this.#moveGivenUp(outbound);
    try {
      const { stored, duplicates } = await transferInOrder(
        target,
        this.#messages(outbound),
        ({ message, source, origin }) => this.#count(source.sequence, messageSize(message, origin)),
      );
      const listed = await this.#moveDeadLetters();
      await target.save();
      const { count, bytes } = outbound.stored;
      // After damage the totals may say less than there was.
      await this.#remove({ last: this.#sequence, count: Math.max(count, this.#moved.count), bytes });
      this.#isRemoved = true;
      await withStoragePath(storagePath, journal.deadLetters.remove(listed));
      const notices = journal.recovered.notices.filter(({ level }) => level === 'error').map(({ text }) => text);
      return { messages: stored, duplicates, deadLetters: givenUp + listed.length, notices };
    } catch (error) {
      const moved = withGivenUp(this.#moved, outbound);
      if (this.#moved.count > 0 && !this.#isRemoved && (await this.#isSaved())) await this.#remove(moved);
      if (error instanceof Error) Object.assign(error, { moved: this.#moved.count });
      throw error;
    }
  }

  #read(...from: Parameters<FileSession<SessionRecord>['read']>): ReturnType<FileSession<SessionRecord>['read']> {
    return withStoragePath(this.storagePath, this.journal.read(...from));
  }

  /** Messages given up that the source had no time to keep as dead letters. */
  async #moveGivenUp({ failed }: RecoveredOutbound): Promise<number> {
    for (const { outbound, failure } of failed) {
      const { sequence, enqueuedAt, origin, ...message } = outbound.message;
      const record: SessionRecord = {
        kind: RecordKind.Failed,
        sequence,
        message,
        enqueuedAt: recordTime(enqueuedAt),
        ...failure,
      };
      if (origin !== undefined) record.origin = origin;
      await this.target.keepDeadLetter(`${this.source} given up ${sequence}`, record);
    }
    return failed.length;
  }

  /** What left the queue, then the queue; each part in order, and all of the first before the second. */
  async *#messages(outbound: RecoveredOutbound): AsyncGenerator<TransferredMessage> {
    const open = [...outbound.released, ...outbound.front].map(({ message }) => message);
    open.sort((one, other) => one.sequence - other.sequence);
    for (const message of open) yield this.#transferred(message);
    const range = { queueAfter: outbound.queueAfter, sequence: this.#sequence };
    const isStored = (sequence: number): boolean => this.#recovery.isStored(sequence);
    for await (const message of queuedMessages({ read: (...from) => this.#read(...from) }, range, isStored))
      yield this.#transferred(message);
  }

  #transferred({ sequence, enqueuedAt, origin, ...message }: QueuedMessage): TransferredMessage {
    return {
      message,
      source: { id: this.source, sequence },
      enqueuedAt,
      ...(origin === undefined ? {} : { origin }),
    };
  }

  #count(sequence: number, size: number): void {
    this.#moved = { last: sequence, count: this.#moved.count + 1, bytes: this.#moved.bytes + size };
  }

  /** @returns their ids. */
  async #moveDeadLetters(): Promise<number[]> {
    const ids: number[] = [];
    for (;;) {
      const listing = this.journal.deadLetters.list(ids.at(-1) ?? 0, DEAD_LETTER_PAGE);
      const page = await withStoragePath(this.storagePath, listing);
      if (page.length === 0) return ids;
      for (const { id, record } of page) {
        await this.target.keepDeadLetter(`${this.source} ${id}`, record);
        ids.push(id);
      }
    }
  }

  /** After an error: whether what the target took is there to stay. If not, the source keeps it, and it is repeated. */
  #isSaved(): Promise<boolean> {
    return this.target.save().then(
      () => true,
      () => false,
    );
  }

  /** Takes messages up to `last` out of the source; durable when the journal is closed. */
  async #remove({ last, count, bytes }: { last: number; count: number; bytes: number }): Promise<void> {
    if (count === 0) return;
    const sequence = this.#sequence + 1;
    const removed = new Promise<void>((resolve, reject) => {
      this.journal.events = {
        durable: () => resolve(),
        failed: reject,
        checkpointDue: () => undefined,
        lost: reject,
      };
      this.journal.append(sequence, { kind: RecordKind.Completed, first: 1, last, count, bytes });
    });
    await withStoragePath(this.storagePath, removed);
    this.#sequence = sequence;
  }
}
