import * as assert from 'node:assert/strict';
import type { Delivery, Effect } from '../../src/session/effects';
import type { Message, QoS } from '../../src/session/message';
import type { SessionOptions } from '../../src/session/options';
import type { ConnectionLimits, InboundPacket, OutboundPacket, PublishPacket } from '../../src/session/packets';
import { recordCodec } from '../../src/session/record-codec';
import { type FailedRecord, RecordKind, type SessionRecord } from '../../src/session/records';
import { Recovery } from '../../src/session/recovery';
import { Session } from '../../src/session/session';
import { emptySessionState, type SessionState } from '../../src/session/state';

export interface LoggedRecord {
  sequence: number;
  record: SessionRecord;
}

export const START = Date.UTC(2026, 0, 1);

const defaultOptions: SessionOptions = {
  maxInflight: 100,
  maxBytes: 64 * 1024 * 1024,
  whenFull: 'reject',
  onSessionLost: 'republish',
  keepFailed: true,
  maxSendRate: 0,
  receiveMaximum: 20,
  handshakesMax: 1_000,
};

/** CONNACK of an MQTT 3.1.1 broker. */
export function limits(changed: Partial<ConnectionLimits> = {}): ConnectionLimits {
  return {
    protocolVersion: 4,
    sessionPresent: false,
    cleanStart: false,
    receiveMaximum: undefined,
    maximumQoS: 2,
    retainAvailable: true,
    maximumPacketSize: undefined,
    topicAliasMaximum: 0,
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: true,
    sharedSubscriptionAvailable: true,
    ...changed,
  };
}

/** CONNACK of an MQTT 5 broker. */
export function limits5(changed: Partial<ConnectionLimits> = {}): ConnectionLimits {
  return limits({ protocolVersion: 5, receiveMaximum: 65_535, ...changed });
}

export function message(qos: QoS, payload = 'x', changed: Partial<Message> = {}): Message {
  return { topic: 't', payload: Buffer.from(payload), qos, retain: false, ...changed };
}

/** What a process that was killed leaves behind. */
export interface Disk {
  state: SessionState;
  records: readonly LoggedRecord[];
}

/**
 * A session with a journal in memory. Every record passes through the codec, so that what is recovered is what was
 * written. Records become durable at once (`autoDurable`) or on command.
 */
export class Harness {
  readonly session: Session;
  /** All records the session ever appended; those up to `durableCount` are durable. */
  readonly records: LoggedRecord[] = [];
  /** Packets sent since the last `takePackets`. */
  #packets: OutboundPacket[] = [];
  effects: Effect[] = [];
  deliveries: Delivery[] = [];
  autoDurable = true;
  /** Answers `load` effects at once. */
  autoLoad = true;
  loads: { after: number; maxBytes: number }[] = [];
  /** Dead letters kept. Kept at once (`autoKeep`), or left to `session.failedKept`. */
  deadLetters: FailedRecord[] = [];
  autoKeep = true;
  now = START;
  durableCount = 0;
  /** Reads of the journal before the session was there. */
  recoveryReads = 0;
  #state: SessionState;
  /** The same records were durable before this process. */
  readonly #before: readonly LoggedRecord[];

  constructor(options: Partial<SessionOptions> = {}, disk: Disk = { state: emptySessionState(), records: [] }) {
    this.#state = disk.state;
    this.#before = disk.records;
    const recovery = new Recovery(
      disk.state,
      disk.records.filter(({ sequence }) => sequence > disk.state.sequence),
    );
    for (let reads = 0, read = recovery.nextRead(); read !== undefined; read = recovery.nextRead(), reads++) {
      assert.ok(reads < 10_000, 'recovery does not end');
      recovery.readDone(this.#read(read.after, read.maxBytes));
      this.recoveryReads += 1;
    }
    this.session = new Session(recovery, { ...defaultOptions, ...options }, this.now);
  }

  /** What is on disk: the snapshot and all durable records (or only the first `count` of this process). */
  disk(count = this.durableCount): Disk {
    return { state: this.#state, records: [...this.#before, ...this.records.slice(0, count)] };
  }

  /** Makes a snapshot, as at a checkpoint; all records must be durable. */
  checkpoint(inline: boolean): void {
    this.run();
    const state = structuredClone(this.session.snapshot(inline));
    for (const open of state.open) {
      // A clone turns Buffers into plain arrays.
      if (open.message !== undefined) open.message.payload = Buffer.from(open.message.payload);
    }
    this.#state = state;
  }

  /** A new process with what is on disk. */
  restart(options: Partial<SessionOptions> = {}, disk = this.disk()): Harness {
    const next = new Harness(options, disk);
    next.now = this.now;
    return next;
  }

  publish(qos: QoS, payload = 'x', changed: Partial<Message> = {}, watched = false): number {
    const outcome = this.session.publish(message(qos, payload, changed), undefined, watched, this.now);
    this.run();
    return outcome.kind === 'stored' ? outcome.sequence : 0;
  }

  connect(to: ConnectionLimits = limits(), address = 'broker:1883'): void {
    this.session.connected({ address, limits: to }, this.now);
    this.run();
  }

  disconnect(closedByPeer = false): void {
    this.session.disconnected(closedByPeer, this.now);
    this.run();
  }

  receive(...packets: InboundPacket[]): void {
    for (const packet of packets) this.session.received(packet, this.now);
    this.run();
  }

  handled(index: number): void {
    const delivery = this.deliveries[index] as Delivery;
    this.session.handled(delivery.delivery, delivery.identifier);
    this.run();
  }

  tick(afterMs: number): void {
    this.now += afterMs;
    this.session.tick(this.now);
    this.run();
  }

  /** Makes everything appended so far durable, and what follows from it. */
  sync(): void {
    this.run();
    while (this.durableCount < this.records.length) {
      this.durableCount = this.records.length;
      this.session.durable((this.records.at(-1) as LoggedRecord).sequence);
      this.run();
    }
  }

  /** The journal could not write what is not durable. */
  fail(): void {
    const lost = this.records.splice(this.durableCount);
    this.session.storeFailed(new Error('ENOSPC'), lost);
    this.run();
  }

  run(): void {
    let effects = this.session.takeEffects(this.now);
    while (effects.length > 0) {
      for (const effect of effects) this.#execute(effect);
      const loads = this.autoLoad ? effects.filter(({ type }) => type === 'load').length : 0;
      for (let count = 0; count < loads && this.loads.length > 0; count++) this.answerLoad();
      if (this.autoDurable && this.durableCount < this.records.length) {
        this.durableCount = this.records.length;
        this.session.durable((this.records.at(-1) as LoggedRecord).sequence);
      }
      effects = this.session.takeEffects(this.now);
    }
  }

  takePackets(): OutboundPacket[] {
    const packets = this.#packets;
    this.#packets = [];
    return packets;
  }

  /** The packets sent since the last call, in short: `PUBLISH 1 dup`, `PUBREL 3`. */
  sent(): string[] {
    return this.takePackets().map(short);
  }

  of<T extends Effect['type']>(type: T): Extract<Effect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);
  }

  kinds(): string[] {
    return this.records.map(({ record }) => kindName(record));
  }

  /** Answers the oldest `load` effect with what is durable now. */
  answerLoad(found = this.#read(this.loads[0]!.after, this.loads[0]!.maxBytes)): void {
    this.loads.shift();
    this.session.loaded(found);
    this.run();
  }

  #execute(effect: Effect): void {
    this.effects.push(effect);
    switch (effect.type) {
      case 'append': {
        const { sequence, record } = effect;
        const expected = (this.records.at(-1) ?? this.#before.at(-1))?.sequence ?? this.#state.sequence;
        assert.equal(sequence, Math.max(expected, this.#state.sequence) + 1, 'records have consecutive sequences');
        this.records.push({ sequence, record: roundTrip(record) });
        return;
      }
      case 'send':
        this.#packets.push(effect.packet);
        return;
      case 'load':
        this.loads.push({ after: effect.after, maxBytes: effect.maxBytes });
        return;
      case 'deliver':
        this.deliveries.push(effect.delivery);
        return;
      case 'keepFailed':
        if (!this.autoKeep) return;
        this.deadLetters.push(roundTrip(effect.record) as FailedRecord);
        this.session.failedKept(effect.sequence);
        return;
      default:
    }
  }

  #read(after: number, maxBytes: number): LoggedRecord[] {
    const found: LoggedRecord[] = [];
    let bytes = 0;
    for (const entry of [...this.#before, ...this.records.slice(0, this.durableCount)]) {
      if (entry.sequence <= after || entry.record.kind !== RecordKind.Enqueued) continue;
      if (bytes > maxBytes) break;
      found.push(entry);
      bytes += recordCodec.size(entry.record);
    }
    return found;
  }
}

export function kindName(record: SessionRecord): string {
  return Object.entries(RecordKind).find(([, kind]) => kind === record.kind)?.[0] ?? '?';
}

function roundTrip(record: SessionRecord): SessionRecord {
  const body = Buffer.alloc(recordCodec.size(record));
  assert.equal(recordCodec.write(record, body, 0), body.length);
  return recordCodec.read(recordCodec.kind(record), body);
}

export function short(packet: OutboundPacket): string {
  switch (packet.cmd) {
    case 'publish':
      return `PUBLISH ${packet.messageId ?? '-'}${packet.dup ? ' dup' : ''}`;
    case 'subscribe':
      return `SUBSCRIBE ${packet.subscriptions.map(({ topic, rh }) => (rh === undefined ? topic : `${topic}/rh${rh}`)).join(' ')}`;
    case 'unsubscribe':
      return `UNSUBSCRIBE ${packet.unsubscriptions.join(' ')}`;
    default:
      return `${packet.cmd.toUpperCase()} ${packet.messageId}`;
  }
}

export function puback(messageId: number, reasonCode?: number): InboundPacket {
  return { cmd: 'puback', messageId, ...(reasonCode === undefined ? {} : { reasonCode }) };
}

export function pubrec(messageId: number, reasonCode?: number): InboundPacket {
  return { cmd: 'pubrec', messageId, ...(reasonCode === undefined ? {} : { reasonCode }) };
}

export function pubrel(messageId: number): InboundPacket {
  return { cmd: 'pubrel', messageId };
}

export function pubcomp(messageId: number): InboundPacket {
  return { cmd: 'pubcomp', messageId };
}

/** A PUBLISH from the broker. */
export function inbound(qos: QoS, messageId: number, payload = 'x', dup = false): PublishPacket {
  const packet: PublishPacket = { cmd: 'publish', topic: 't', payload: Buffer.from(payload), qos, retain: false, dup };
  if (qos > 0) packet.messageId = messageId;
  return packet;
}

/** Identifiers of the PUBLISH packets among `packets`. */
export function published(packets: readonly OutboundPacket[]): number[] {
  return packets.flatMap((packet) =>
    packet.cmd === 'publish' && packet.messageId !== undefined ? [packet.messageId] : [],
  );
}

export function payloads(packets: readonly OutboundPacket[]): string[] {
  return packets.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []));
}
