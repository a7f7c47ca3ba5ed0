import { SessionError } from '../../errors';
import type { Message, MessageOrigin } from '../../session/message';
import { messageSize, recordCodec } from '../../session/record-codec';
import { RecordKind, type SessionRecord } from '../../session/records';
import type { SessionMetadata, SessionState } from '../../session/state';
import type { FileSession } from '../../store/file-session';
import type { SessionStore } from '../../store/session-store';

/** Bytes that wait for the disk at most, besides one message. */
const PENDING_BYTES_MAX = 1024 * 1024;

/** Writes a new session: its messages in order, and at the end the state that speaks of them. */
export class SessionWriter {
  /** Of the last message; each has the next sequence, from 1 on. */
  sequence = 0;
  readonly stored = { count: 0, bytes: 0 };
  #pendingBytes = 0;
  #durable = 0;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(private readonly session: FileSession<SessionRecord>) {
    session.events = {
      durable: (sequence) => {
        this.#durable = sequence;
        this.#wake();
      },
      failed: (error) => this.#fail(error),
      lost: (error) => this.#fail(error),
      checkpointDue: () => undefined,
    };
  }

  /** @throws as `SessionStore.open`; SessionError `ERR_SESSION_CLOSED` when something is stored under that client id. */
  static async open(store: SessionStore, { clientId, expiryInterval }: SessionMetadata): Promise<SessionWriter> {
    // The limits of its store are not known here, and repair pushes nothing out.
    const limits = { deadLetterBytes: Number.POSITIVE_INFINITY, keepFailedDays: Number.POSITIVE_INFINITY };
    const session = await store.open(clientId, recordCodec, expiryInterval, limits);
    if (session.recovered.isNew) return new SessionWriter(session);
    await session.close();
    throw new SessionError('ERR_SESSION_CLOSED', `There is a session of "${clientId}" in ${store.path} already.`);
  }

  get deadLetters(): FileSession<SessionRecord>['deadLetters'] {
    return this.session.deadLetters;
  }

  /** Resolves when the next message may be given; it need not be durable yet. @throws the error of the disk. */
  async add(message: Message, enqueuedAt: number, origin: MessageOrigin | undefined): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.sequence += 1;
    this.session.append(this.sequence, {
      kind: RecordKind.Enqueued,
      message,
      enqueuedAt,
      ...(origin === undefined ? {} : { origin }),
    });
    const size = messageSize(message, origin);
    this.stored.count += 1;
    this.stored.bytes += size;
    this.#pendingBytes += size;
    if (this.#pendingBytes > PENDING_BYTES_MAX) await this.#settled();
  }

  /** Makes everything durable, with `state` as the session's. @throws the error of the disk. */
  async finish(state: SessionState, metadata: SessionMetadata): Promise<void> {
    await this.#settled();
    // A checkpoint keeps the time of creation that the store knows.
    if (metadata.createdAt > 0) this.session.recovered.metadata.createdAt = metadata.createdAt;
    await this.session.checkpoint(state, metadata, 1);
    await this.session.close();
  }

  /** Gives the session up after an error. */
  async abandon(): Promise<void> {
    // The error that led here is the one to report.
    await this.session.close().catch(() => undefined);
  }

  async #settled(): Promise<void> {
    while (this.#durable < this.sequence) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#pendingBytes = 0;
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }
}
