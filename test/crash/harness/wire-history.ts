import * as fs from 'node:fs';
import type { Packet } from 'mqtt-packet';
import type { ProxyEvent } from '../../support/proxy';
import { keyOf, type MessageKey } from './ledger';

/** What went over the wire for one message that the process under test published. Times of `performance.now()`. */
export interface Outward {
  clientId: string;
  qos: 0 | 1 | 2;
  sentAtMs: number;
  /** PUBACK, or PUBREC and PUBCOMP, as they went out to the client. */
  acknowledgedAtMs: number[];
  /** The last PUBACK or PUBCOMP. */
  endedAtMs?: number;
  /** Reason code of the PUBACK or PUBREC that refused it. */
  refusedWith?: number;
}

/** What went over the wire for one message that the broker delivered to the process under test. */
export interface Inward {
  qos: 0 | 1 | 2;
  sentAtMs: number;
  /** Connection of the client's first PUBACK or PUBREC; undefined: none was seen. */
  answeredOn?: number;
  /** The client's PUBACK or PUBCOMP. */
  endedAtMs?: number;
  /**
   * QoS 2: the broker sent it under an identifier that another message held, which the client had not released. A
   * client has to take it for that other message (4.3.3); only a broker that went back in time does so.
   */
  identifierTaken: boolean;
}

const FLUSH_LINES = 2_000;
const CONTENT = /"stream":"([^"]+)","seq":(\d+)/;

/** The key of a message that is numbered in its payload; undefined for one that is not. */
export function keyInPayload(payload: string | Buffer): MessageKey | undefined {
  const start = typeof payload === 'string' ? payload.slice(0, 200) : payload.toString('latin1', 0, 200);
  const [, topic, sequence] = CONTENT.exec(start) ?? [];
  return topic === undefined ? undefined : keyOf(topic, Number(sequence));
}

/**
 * What the proxy saw, message by message: the times that a judgement needs in memory, each packet as a line in a file.
 * {@link record} is made for the proxy's `onEvent`.
 */
export class WireHistory {
  readonly outward = new Map<MessageKey, Outward>();
  readonly inward = new Map<MessageKey, Inward>();
  /** When a client acted on a CONNACK with Session Present 0: it sent something behind it. */
  readonly noticedLosses: { clientId: string; atMs: number }[] = [];
  readonly #file: string;
  readonly #clientIds = new Map<number, string>();
  /** The message under each identifier, by client id. */
  readonly #outwardIdentifiers = new Map<string, MessageKey>();
  readonly #inwardIdentifiers = new Map<string, MessageKey>();
  /** The QoS 2 message that the client holds under each identifier: delivered to it, and no PUBCOMP sent since. */
  readonly #holders = new Map<string, MessageKey>();
  /** Connections with Session Present 0 on which the client has not sent anything yet. */
  readonly #withoutSession = new Set<number>();
  #lines: string[] = [];

  constructor(directory: string) {
    this.#file = `${directory}/wire.log`;
    fs.writeFileSync(this.#file, '');
  }

  record(event: ProxyEvent, packet: Packet): void {
    if (packet.cmd === 'connect') this.#clientIds.set(event.connection, packet.clientId);
    const clientId = this.#clientIds.get(event.connection) ?? '';
    const toBroker = event.direction === 'toBroker';
    if (!toBroker && packet.cmd === 'connack' && !packet.sessionPresent) this.#withoutSession.add(event.connection);
    else if (toBroker && this.#withoutSession.delete(event.connection)) this.#noticed(clientId);
    const key = toBroker ? this.#fromClient(clientId, packet, event.connection) : this.#fromBroker(clientId, packet);
    const { dup, qos, sessionPresent, reasonCode } = event.packet as Partial<ProxyEvent['packet']>;
    const details = [
      packet.messageId ?? '',
      dup ? 'dup' : '',
      qos === undefined ? '' : `QoS ${qos}`,
      sessionPresent === undefined ? '' : `session present ${sessionPresent}`,
      reasonCode ? `reason 0x${reasonCode.toString(16)}` : '',
    ].filter((detail) => detail !== '');
    const arrow = toBroker ? '->' : '<-';
    const words = [packet.cmd.toUpperCase(), ...details, key === undefined ? '' : `(${key})`].join(' ');
    this.note(`${clientId} #${event.connection} ${arrow} ${words}`);
  }

  /** Adds a line of another kind, such as a fault. */
  note(text: string): void {
    this.#lines.push(`${performance.now().toFixed(1).padStart(10)} ${text}`);
    if (this.#lines.length >= FLUSH_LINES) this.flush();
  }

  flush(): void {
    if (this.#lines.length > 0) fs.appendFileSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  /** All lines about a message and, between them, all faults. */
  linesOf(key: MessageKey): string[] {
    this.flush();
    const lines = fs.readFileSync(this.#file, 'utf8').split('\n');
    return lines.filter((line) => line.endsWith(`(${key})`) || line.includes(' === '));
  }

  /** A lost session takes with it what the client held under identifiers. */
  #noticed(clientId: string): void {
    this.noticedLosses.push({ clientId, atMs: performance.now() });
    for (const identifier of this.#holders.keys()) {
      if (identifier.startsWith(`${clientId} `)) this.#holders.delete(identifier);
    }
  }

  #fromClient(clientId: string, packet: Packet, connection: number): MessageKey | undefined {
    const identifier = `${clientId} ${packet.messageId}`;
    if (packet.cmd === 'publish') {
      const key = keyInPayload(packet.payload);
      if (key === undefined) return undefined;
      if (packet.messageId !== undefined) this.#outwardIdentifiers.set(identifier, key);
      if (!this.outward.has(key)) {
        this.outward.set(key, { clientId, qos: packet.qos, sentAtMs: performance.now(), acknowledgedAtMs: [] });
      }
      return key;
    }
    if (packet.cmd === 'pubrel') return this.#outwardIdentifiers.get(identifier);
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec' && packet.cmd !== 'pubcomp') return undefined;
    const key = this.#inwardIdentifiers.get(identifier);
    const message = key === undefined ? undefined : this.inward.get(key);
    if (message !== undefined) {
      message.answeredOn ??= connection;
      if (packet.cmd !== 'pubrec') message.endedAtMs = performance.now();
    }
    if (packet.cmd === 'pubcomp') this.#holders.delete(identifier);
    return key;
  }

  #fromBroker(clientId: string, packet: Packet): MessageKey | undefined {
    const identifier = `${clientId} ${packet.messageId}`;
    if (packet.cmd === 'publish') {
      const key = keyInPayload(packet.payload);
      if (key === undefined) return undefined;
      const message = this.inward.get(key) ?? {
        qos: packet.qos,
        sentAtMs: performance.now(),
        identifierTaken: false,
      };
      this.inward.set(key, message);
      if (packet.qos > 0) {
        const holder = this.#holders.get(identifier);
        if (packet.qos === 2 && holder !== undefined && holder !== key) message.identifierTaken = true;
        else if (packet.qos === 2) this.#holders.set(identifier, key);
        this.#inwardIdentifiers.set(identifier, key);
      }
      return key;
    }
    if (packet.cmd === 'pubrel') return this.#inwardIdentifiers.get(identifier);
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec' && packet.cmd !== 'pubcomp') return undefined;
    const key = this.#outwardIdentifiers.get(identifier);
    const message = key === undefined ? undefined : this.outward.get(key);
    if (message !== undefined) {
      message.acknowledgedAtMs.push(performance.now());
      if (packet.cmd !== 'pubcomp' && (packet.reasonCode ?? 0) >= 0x80) message.refusedWith = packet.reasonCode ?? 0;
      if (packet.cmd !== 'pubrec') message.endedAtMs = performance.now();
    }
    return key;
  }
}
