import type { Effect } from '../../src/session/effects';
import type { Message, MessageOrigin, QoS } from '../../src/session/message';
import type { ConnectionLimits, InboundPacket, OutboundPacket } from '../../src/session/packets';
import type { MessageSource, SessionRecord } from '../../src/session/records';
import { Recovery } from '../../src/session/recovery';
import { Session } from '../../src/session/session';
import { sessionCodec } from '../../src/session/session-codec';
import type { FileSession } from '../../src/store/file-session';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';

export const NOW = Date.UTC(2026, 0, 1);
const SEGMENT_BYTES = 2048;

const limits: ConnectionLimits = {
  protocolVersion: 5,
  sessionPresent: false,
  cleanStart: false,
  receiveMaximum: 100,
  maximumQoS: 2,
  retainAvailable: true,
  maximumPacketSize: undefined,
  topicAliasMaximum: 0,
  wildcardSubscriptionAvailable: true,
  subscriptionIdentifiersAvailable: true,
  sharedSubscriptionAvailable: true,
};

/** The package's session on the package's store, with a broker that says what a test lets it say. */
export class RealSession {
  readonly appended: { sequence: number; record: SessionRecord }[] = [];
  readonly sent: OutboundPacket[] = [];
  /** Of the records that opening gave. */
  readonly recoveredSequences: number[];
  /** The next sync of a segment with records fails. */
  failNextSync = false;
  #delivered: Extract<Effect, { type: 'deliver' }>['delivery'][] = [];
  #pendingLoads = 0;
  #durable = 0;
  #wake: (() => void)[] = [];
  #failure: Error | undefined;

  private constructor(
    readonly store: SessionStore,
    readonly journal: FileSession<SessionRecord>,
    readonly session: Session,
    lastSequence: number,
  ) {
    this.recoveredSequences = journal.recovered.records.map(({ sequence }) => sequence);
    this.#durable = lastSequence;
    journal.events = {
      durable: (sequence) => {
        this.#durable = sequence;
        this.session.durable(sequence);
        this.#run();
        this.#changed();
      },
      failed: (error) => this.#fail(error),
      checkpointDue: () => {},
      lost: (error) => this.#fail(error),
    };
  }

  static async open(storagePath: string, clientId: string): Promise<RealSession> {
    let opened: RealSession | undefined;
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      async open(path, access) {
        const file = await nodeFileSystem.open(path, access);
        return {
          read: (...all) => file.read(...all),
          write: (...all) => file.write(...all),
          truncate: (...all) => file.truncate(...all),
          size: () => file.size(),
          close: () => file.close(),
          async sync() {
            // The segment that is made ahead, still without records, may fail unnoticed.
            if (opened?.failNextSync && path.endsWith('.mcpj') && (await file.size()) > 64) {
              opened.failNextSync = false;
              throw Object.assign(new Error('EIO: sync'), { code: 'EIO' });
            }
            await file.sync();
          },
        };
      },
    };
    const store = await openSessionStore({
      path: storagePath,
      segmentBytes: SEGMENT_BYTES,
      fileSystem,
      onNotice: () => {},
    });
    const journal = await store.open(clientId, sessionCodec, 3600);
    const recovery = new Recovery(journal.recovered.state, journal.recovered.records);
    for (let read = recovery.nextRead(); read !== undefined; read = recovery.nextRead()) {
      recovery.readDone(await journal.read(read.after, read.maxBytes));
    }
    const options = {
      maxInflight: 10,
      maxBytes: 64 * 1024 * 1024,
      whenFull: 'reject',
      onSessionLost: 'republish',
      keepFailed: true,
      maxSendRate: 0,
      receiveMaximum: 20,
      handshakesMax: 20,
    } as const;
    opened = new RealSession(store, journal, new Session(recovery, options, NOW), recovery.sequence);
    return opened;
  }

  /** Returns the sequence of the message. */
  publish(message: Partial<Message> & { qos: QoS }, origin?: MessageOrigin, source?: MessageSource): number {
    const whole: Message = { topic: 'plant/1', payload: Buffer.from('x'), retain: false, ...message };
    const outcome = this.session.publish(whole, origin, false, NOW + this.appended.length, source);
    if (outcome.kind !== 'stored') throw new Error(`the message is ${outcome.kind}`);
    return outcome.sequence;
  }

  async connect(sessionPresent: boolean, address: string): Promise<void> {
    this.session.connected({ address, limits: { ...limits, sessionPresent } }, NOW);
    await this.settle();
  }

  async receive(...packets: InboundPacket[]): Promise<void> {
    for (const packet of packets) this.session.received(packet, NOW);
    await this.settle();
    for (const { delivery, identifier } of this.#delivered.splice(0)) {
      this.session.taken(delivery, identifier);
      this.session.handled(delivery, identifier);
    }
    await this.settle();
  }

  /** The packet identifier of the SUBSCRIBE or UNSUBSCRIBE that was sent for `filter`. */
  askedFor(filter: string): number {
    for (const packet of [...this.sent].reverse()) {
      if (packet.cmd === 'subscribe' && packet.subscriptions.some(({ topic }) => topic === filter))
        return packet.messageId;
      if (packet.cmd === 'unsubscribe' && packet.unsubscriptions.includes(filter)) return packet.messageId;
    }
    throw new Error(`nothing was sent for ${filter}`);
  }

  /** Carries out what the session asks for until all its records are durable and its reads are answered. */
  async settle(): Promise<void> {
    this.#run();
    while (this.#pendingLoads > 0 || this.#durable < (this.appended.at(-1)?.sequence ?? 0)) {
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async checkpoint(inline: boolean): Promise<void> {
    await this.settle();
    const state = this.session.snapshot(inline);
    const neededFrom = Math.min(
      ...state.open.filter(({ message }) => message === undefined).map(({ sequence }) => sequence),
      state.queueAfter + 1,
    );
    await this.journal.checkpoint(state, { ...this.journal.recovered.metadata }, neededFrom);
  }

  async close(): Promise<void> {
    await this.journal.close();
    await this.store.close();
  }

  #run(): void {
    for (let effects = this.session.takeEffects(NOW); effects.length > 0; effects = this.session.takeEffects(NOW)) {
      for (const effect of effects) this.#execute(effect);
    }
  }

  #execute(effect: Effect): void {
    if (effect.type === 'append') {
      this.appended.push({ sequence: effect.sequence, record: effect.record });
      this.journal.append(effect.sequence, effect.record);
    } else if (effect.type === 'send') {
      this.sent.push(effect.packet);
    } else if (effect.type === 'deliver') {
      this.#delivered.push(effect.delivery);
    } else if (effect.type === 'load') {
      this.#pendingLoads++;
      this.journal.read(effect.after, effect.maxBytes).then(
        (records) => {
          this.#pendingLoads--;
          this.session.loaded(records);
          this.#run();
          this.#changed();
        },
        (error: Error) => this.#fail(error),
      );
    } else if (effect.type === 'rejected' || effect.type === 'close') {
      this.#fail(new Error(`unexpected effect ${effect.type}`));
    }
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
