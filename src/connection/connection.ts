import type { Duplex } from 'node:stream';
import { SessionError } from '../errors';
import type { InboundPacket, OutboundPacket } from '../session/packets';
import { type BrokerAddress, parseBrokerUrl } from './broker-address';
import {
  closedBeforeConnackError,
  closedError,
  halfOpenError,
  notReadingError,
  protocolError,
  refusedError,
  serverDisconnectError,
  timeoutError,
  unreachableError,
} from './broker-errors';
import { connectPacket, disconnectPacket } from './control-packets';
import { type ConnackPacket, type DisconnectPacket, decodePacket, type ServerPacket } from './decode';
import { DeliveryProof } from './delivery-proof';
import { PacketEncoder } from './encode';
import { FrameReader } from './frame-reader';
import { KeepAlive, type Traffic } from './keep-alive';
import { detailsOf, limitsOf } from './limits';
import { OutboundTopicAliases } from './outbound-topic-aliases';
import { ProtocolViolation } from './protocol-violation';
import { openStream } from './stream';
import { systemTimers, type Timers } from './timers';
import { TopicAliases } from './topic-aliases';
import type { Connect, Connection, ConnectionEnd, ConnectionEvents, ConnectionOptions } from './types';
import { WriteQueue } from './write-queue';

const CONNECT_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 2_000;
const CONGESTED_ABOVE_BYTES = 1024 * 1024;
const CONGESTED_BELOW_BYTES = 256 * 1024;
/** Acknowledgements that one buffer may hold: several times what 65,535 identifiers can ask for. */
const UNTAKEN_ANSWERS_MAX_BYTES = 4 * 1024 * 1024;

/** A `Connect` on the given timers. */
export function createConnect(timers: Timers): Connect {
  return (options, events) => {
    const connection = new BrokerConnection(options, events, timers);
    connection.open();
    return connection;
  };
}

/** Starts a connection attempt over the network. */
export const openConnection: Connect = createConnect(systemTimers);

/**
 * - `opening`: the stream is being made; then CONNECT was written, and nothing but CONNACK may come
 * - `up`: after CONNACK
 * - `ending`: DISCONNECT is written; nothing is sent (MQTT-3.14.4-1 (3.1.1 and 5.0)), nothing is delivered
 * - `down`: told the owner
 */
type State = 'opening' | 'up' | 'ending' | 'down';

class BrokerConnection implements Connection {
  readonly bytes = { sent: 0, received: 0 };
  readonly messages = { sent: 0, resent: 0, received: 0 };
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #timers: Timers;
  readonly #frames: FrameReader;
  readonly #aliases: TopicAliases;
  #outboundAliases: OutboundTopicAliases | undefined;
  readonly #encoder: PacketEncoder;
  readonly #proof = new DeliveryProof();
  readonly #keepAlive: KeepAlive;
  #state: State = 'opening';
  #address: BrokerAddress | undefined;
  #stream: Duplex | undefined;
  #queue: WriteQueue | undefined;
  #isOpen = false;
  /** By a CONNACK of whatever kind. */
  #isAnswered = false;
  #keepaliveSeconds = 0;
  #largestBytes = 0;
  #isCongested = false;
  /** Of acknowledgements not taken yet, at most; looked at anew when the stream has passed `#answersBehindBytes`. */
  #answersBytes = 0;
  #answersBehindBytes = 0;
  #end: ConnectionEnd | undefined;
  #cancelTimeout: (() => void) | undefined;

  constructor(options: ConnectionOptions, events: ConnectionEvents, timers: Timers) {
    this.#options = options;
    this.#events = events;
    this.#timers = timers;
    this.#encoder = new PacketEncoder(options.protocolVersion);
    const announced = options.protocolVersion === 5 ? options.properties : undefined;
    this.#frames = new FrameReader(announced?.maximumPacketSize as number | undefined);
    this.#aliases = new TopicAliases((announced?.topicAliasMaximum as number | undefined) ?? 0);
    this.#keepAlive = new KeepAlive(timers, this.#traffic(), {
      ping: () => this.#ping(),
      halfOpen: () => this.#halfOpen(),
    });
  }

  get bufferedBytes(): number {
    return this.#encoder.bytes + (this.#queue?.bufferedBytes ?? 0);
  }

  /** Starts the attempt; to be called once. */
  open(): void {
    try {
      this.#address = parseBrokerUrl(this.#options.url);
      this.#encoder.append(connectPacket(this.#options, this.#address));
      const { stream, openEvent } = openStream(this.#address, this.#options);
      this.#attach(stream);
      if (openEvent) stream.once(openEvent, () => this.#opened());
      else this.#opened();
    } catch (error) {
      this.#failLater(error instanceof SessionError ? error : unreachableError(this.#broker, toError(error)));
      return;
    }
    const timeoutMs = this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#cancelTimeout = this.#timers.after(timeoutMs, () => {
      this.#finish({ kind: 'unreachable', error: timeoutError(this.#broker, timeoutMs, this.#isOpen) });
    });
  }

  send(packet: OutboundPacket): void {
    if (this.#state !== 'up') return;
    if (packet.cmd !== 'publish') {
      this.#answer(packet);
      return;
    }
    const aliased = this.#outboundAliases?.applied(packet) ?? packet;
    this.#encoder.append(aliased);
    this.#outboundAliases?.sent(aliased);
    this.messages.sent += 1;
    if (packet.dup) this.messages.resent += 1;
    if (packet.payload.length > this.#largestBytes) this.#largestBytes = packet.payload.length;
    if (packet.messageId !== undefined && !this.#proof.isWatching) {
      this.#proof.publishSent(packet.messageId, this.#acceptedBytes);
    }
  }

  flush(): void {
    if (this.#state !== 'up') return;
    this.#write();
    if (this.#answersBytes > UNTAKEN_ANSWERS_MAX_BYTES) {
      const error = notReadingError(this.#broker, this.#answersBytes);
      this.end({ force: true, cause: { kind: 'ping-timeout', error } });
      return;
    }
    if (!this.#isCongested && this.bufferedBytes > CONGESTED_ABOVE_BYTES) {
      this.#isCongested = true;
      this.#events.congested(true);
    }
  }

  end(options: Parameters<Connection['end']>[0] = {}): void {
    if (this.#state === 'down') return;
    const { reasonCode = 0, sessionExpiryInterval, cause = { kind: 'ended' } } = options;
    const force = options.force === true || (cause.kind === 'protocol-error' && !this.#tellsWhy);
    if (this.#state === 'up' && !force) {
      this.#disconnect(cause, reasonCode, sessionExpiryInterval);
      return;
    }
    if (this.#state === 'ending' && !force) return;
    this.#end ??= cause;
    this.#state = 'ending';
    this.#stream?.destroy();
    // Not from inside the owner's own call.
    process.nextTick(() => this.#finish(this.#end as ConnectionEnd));
  }

  /** By DISCONNECT (4.13.1 of 5.0). Before MQTT 5 that would stop the will message (MQTT-3.14.4-3 (3.1.1)). */
  get #tellsWhy(): boolean {
    return this.#options.protocolVersion === 5;
  }

  get #broker(): string {
    return this.#address?.name ?? 'with an unreadable address';
  }

  get #acceptedBytes(): number {
    return this.#encoder.bytes + (this.#queue?.acceptedBytes ?? 0);
  }

  #traffic(): Traffic {
    const connection = this;
    return {
      get receivedBytes() {
        return connection.bytes.received;
      },
      get acceptedBytes() {
        return connection.#queue?.acceptedBytes ?? 0;
      },
      get takenBytes() {
        return connection.#queue?.takenBytes ?? 0;
      },
      get confirmedBytes() {
        return connection.#proof.confirmedBytes;
      },
      get largestBytes() {
        return connection.#largestBytes;
      },
    };
  }

  #attach(stream: Duplex): void {
    this.#stream = stream;
    this.#queue = new WriteQueue(stream, () => this.#taken());
    // The listener stays: some streams report an error again after they were destroyed.
    stream.on('error', (error: Error) => this.#lost(error));
    // Both: with a write stuck, a stream that the peer has ended is never closed.
    stream.on('end', () => this.#lost(undefined));
    stream.on('close', () => this.#lost(undefined));
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    this.#isOpen = true;
    this.#write();
  }

  #write(): void {
    if (this.#encoder.bytes > 0) this.#queue?.write(this.#encoder.take());
  }

  /** A peer that asks and never reads the answers would fill the memory: they are not held back as PUBLISH is. */
  #answer(packet: OutboundPacket): void {
    if (this.#answersBytes === 0) this.#answersBehindBytes = this.#acceptedBytes;
    const before = this.#encoder.bytes;
    this.#encoder.append(packet);
    this.#answersBytes += this.#encoder.bytes - before;
  }

  #taken(): void {
    this.bytes.sent = this.#queue?.takenBytes ?? 0;
    if (this.bytes.sent > this.#answersBehindBytes) {
      this.#answersBytes = Math.min(this.#answersBytes, this.bufferedBytes);
      this.#answersBehindBytes = this.#acceptedBytes;
    }
    if (this.#state === 'ending' && this.bufferedBytes === 0) {
      this.#stream?.end();
    } else if (this.#state === 'up' && this.#isCongested && this.bufferedBytes < CONGESTED_BELOW_BYTES) {
      this.#isCongested = false;
      this.#events.congested(false);
    }
  }

  #received(chunk: Buffer): void {
    if (this.#state === 'ending' || this.#state === 'down') return;
    this.bytes.received += chunk.length;
    const packets: InboundPacket[] = [];
    let violation: ProtocolViolation | undefined;
    let disconnect: DisconnectPacket | undefined;
    try {
      this.#frames.read(chunk, (buffer, start, body, end) => {
        const packet = decodePacket(buffer, start, body, end, this.#options.protocolVersion);
        if (packet.cmd === 'disconnect') disconnect = packet;
        else this.#accept(packet, packets);
        return disconnect === undefined && this.#state === 'up';
      });
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      violation = error;
    }
    if (packets.length > 0 && this.#isUp()) this.#events.packets(packets);
    // The owner may have ended the connection meanwhile.
    if (disconnect) this.#serverDisconnected(disconnect);
    else if (violation) this.#violated(violation);
  }

  /** A method, because TypeScript does not see that a callback may change the state. */
  #isUp(): boolean {
    return this.#state === 'up';
  }

  #accept(packet: Exclude<ServerPacket, DisconnectPacket>, packets: InboundPacket[]): void {
    if (packet.cmd === 'connack') {
      if (this.#state === 'up') throw new ProtocolViolation(0x82, 'it sent a second CONNACK');
      this.#connected(packet);
      return;
    }
    if (packet.cmd === 'auth') {
      throw new ProtocolViolation(0x82, 'it asked for extended authentication, which was not offered');
    }
    // MQTT-3.2.0-1 (3.1.1 and 5.0)
    if (this.#state !== 'up') throw new ProtocolViolation(0x82, `it sent ${packet.cmd.toUpperCase()} before CONNACK`);
    this.#proof.received(packet);
    if (packet.cmd === 'pingresp') return;
    if (packet.cmd === 'publish') {
      this.messages.received += 1;
      this.#aliases.resolve(packet);
    }
    packets.push(packet);
  }

  #connected(connack: ConnackPacket): void {
    const { clientId, protocolVersion, clean, keepalive } = this.#options;
    const { reasonCode } = connack;
    this.#isAnswered = true;
    if (reasonCode !== 0) {
      const { reasonString, serverReference } = (connack.properties ?? {}) as ServerReasons;
      this.#finish({
        kind: 'refused',
        reasonCode,
        ...(reasonString !== undefined && { reasonString }),
        ...(serverReference !== undefined && { serverReference }),
        error: refusedError(this.#broker, clientId, reasonCode, protocolVersion, reasonString),
      });
      return;
    }
    // MQTT-3.2.2-2 (5.0); 3.1.1 puts the same duty on the server (MQTT-3.2.2-1) without telling the client to check.
    if (protocolVersion === 5 && clean && connack.sessionPresent) {
      throw new ProtocolViolation(0x82, 'it answered Clean Start with Session Present');
    }
    this.#cancelTimeout?.();
    this.#state = 'up';
    this.#proof.confirm(this.#acceptedBytes);
    const details = detailsOf(connack);
    this.#keepaliveSeconds = details.serverKeepAlive ?? keepalive;
    this.#keepAlive.start(this.#keepaliveSeconds);
    const limits = limitsOf(connack, { protocolVersion, clean });
    const { topicAliases } = this.#options;
    if (topicAliases !== undefined && limits.topicAliasMaximum > 0) {
      this.#outboundAliases = new OutboundTopicAliases(topicAliases, limits);
    }
    this.#events.up(limits, details);
  }

  #serverDisconnected({ reasonCode, properties }: DisconnectPacket): void {
    if (this.#state !== 'up' && this.#state !== 'opening') return;
    const { reasonString, serverReference } = (properties ?? {}) as ServerReasons;
    this.#finish({
      kind: 'server-disconnect',
      reasonCode,
      ...(reasonString !== undefined && { reasonString }),
      ...(serverReference !== undefined && { serverReference }),
      error: serverDisconnectError(this.#broker, this.#options.clientId, reasonCode, reasonString),
    });
  }

  #violated(violation: ProtocolViolation): void {
    const cause: ConnectionEnd = { kind: 'protocol-error', error: protocolError(this.#broker, violation) };
    if (this.#state !== 'up' && this.#state !== 'opening') return;
    // Also before CONNACK.
    if (this.#tellsWhy) this.#disconnect(cause, violation.reasonCode);
    else this.#finish(cause);
  }

  #ping(): void {
    this.#encoder.append({ cmd: 'pingreq' });
    this.#proof.pingSent(this.#acceptedBytes);
    this.flush();
  }

  #halfOpen(): void {
    this.#finish({ kind: 'ping-timeout', error: halfOpenError(this.#broker, this.#keepaliveSeconds) });
  }

  /** Writes DISCONNECT behind what was sent, and closes. */
  #disconnect(cause: ConnectionEnd, reasonCode: number, sessionExpiryInterval?: number): void {
    this.#encoder.append(disconnectPacket(this.#options, reasonCode, sessionExpiryInterval));
    this.#state = 'ending';
    this.#end = cause;
    this.#keepAlive.stop();
    this.#cancelTimeout?.();
    this.#cancelTimeout = this.#timers.after(END_TIMEOUT_MS, () => this.#finish(cause));
    this.#write();
  }

  /** The stream ended or failed. */
  #lost(error: Error | undefined): void {
    switch (this.#state) {
      case 'opening':
        this.#finish({
          kind: 'unreachable',
          error: error ? unreachableError(this.#broker, error) : closedBeforeConnackError(this.#broker),
        });
        break;
      case 'up':
        this.#finish({ kind: 'closed', error: closedError(this.#broker, error) });
        break;
      case 'ending':
        this.#finish(this.#end as ConnectionEnd);
        break;
      case 'down':
        break;
    }
  }

  #failLater(error: SessionError): void {
    process.nextTick(() => this.#finish(this.#end ?? { kind: 'unreachable', error }));
  }

  #finish(end: ConnectionEnd): void {
    if (this.#state === 'down') return;
    const unanswered = this.#isOpen && !this.#isAnswered;
    this.#state = 'down';
    this.#keepAlive.stop();
    this.#cancelTimeout?.();
    this.#stream?.destroy();
    this.#events.down(unanswered ? { ...end, unanswered } : end);
  }
}

interface ServerReasons {
  reasonString?: string;
  serverReference?: string;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
