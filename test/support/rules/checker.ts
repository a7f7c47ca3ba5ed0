import type { IConnackPacket, IConnectPacket, IPublishPacket, Packet } from 'mqtt-packet';
import { TopicAliases } from './content';
import { IncomingRules } from './incoming';
import { ServerLimits } from './limits';
import { OutgoingRules } from './outgoing';
import { RuleError, statementOf } from './rule-error';
import {
  type Delivery,
  type Direction,
  type Note,
  type NoteKind,
  type Report,
  type Rule,
  reasonCode,
  type Violation,
} from './types';

export interface RuleCheckerOptions {
  /** At most so many deliveries are kept, the newest. Default 200,000; 0 keeps none. */
  maxDeliveries?: number;
  /** At most so many notes are kept, the newest; `noteCounts` counts all. Default 1,000. */
  maxNotes?: number;
}

interface Session {
  clientId: string;
  outgoing: OutgoingRules;
  incoming: IncomingRules;
  /** The connection that speaks for the session; an older one that is still open does not. */
  current: number | undefined;
}

interface Connection {
  number: number;
  version: 3 | 4 | 5;
  session: Session;
  limits: ServerLimits;
  aliasesToBroker: TopicAliases;
  aliasesToClient: TopicAliases;
  connected: boolean;
  disconnected: boolean;
  /** Seconds; 0: the session ends with the connection. */
  sessionExpiry: number;
  report: Report;
}

/**
 * Checks a client's packets against the client-side rules of MQTT 3.1.1 and 5.0, across all connections of a client id.
 *
 * Pure: no clock, no sockets. Feed it every packet in the order in which the client sent it or could have received it:
 * a packet of the client counts from the moment somebody saw it, even if the broker never does; a packet of the broker
 * counts only when it went out to the client. {@link Violation}s are never forgotten.
 */
export class RuleChecker {
  readonly violations: Violation[] = [];
  readonly notes: Note[] = [];
  readonly noteCounts = new Map<NoteKind, number>();
  /** Every PUBLISH that went out to a client, oldest first. */
  readonly deliveries: Delivery[] = [];
  readonly #sessions = new Map<string, Session>();
  readonly #connections = new Map<number, Connection>();
  readonly #maxDeliveries: number;
  readonly #maxNotes: number;

  constructor(options: RuleCheckerOptions = {}) {
    this.#maxDeliveries = options.maxDeliveries ?? 200_000;
    this.#maxNotes = options.maxNotes ?? 1_000;
  }

  /** One packet of connection number `connection` (any number that is used once). */
  packet(connection: number, direction: Direction, packet: Packet): void {
    const known = this.#connections.get(connection);
    if (!known) {
      if (direction === 'toBroker' && packet.cmd === 'connect') this.#connect(connection, packet);
      else if (direction === 'toBroker') {
        this.#violate('', 4, connection, 'connect-missing', `${packet.cmd} as the first packet`);
      }
      return;
    }
    const { report, session } = known;
    if (session.current !== connection) {
      report.note('late-packet', `${packet.cmd} ${direction} on a connection that the client has replaced`);
    } else if (direction === 'toBroker') {
      this.#fromClient(known, packet);
    } else {
      this.#fromBroker(known, packet);
    }
  }

  /** Bytes of the client that are no MQTT packet. */
  malformed(connection: number, message: string): void {
    const known = this.#connections.get(connection);
    if (known) known.report.violation('malformed-packet', message);
    else this.#violate('', 4, connection, 'malformed-packet', message);
  }

  /** The connection is gone for the client. */
  connectionClosed(connection: number): void {
    const known = this.#connections.get(connection);
    if (!known) return;
    this.#connections.delete(connection);
    if (known.session.current !== connection) return;
    known.session.current = undefined;
    if (known.connected && known.sessionExpiry === 0) forget(known.session);
  }

  /**
   * The client's own state was taken away on purpose (its store was deleted), while it was not connected: nothing is
   * left to re-send, and it may clear unknown identifiers with PUBREL.
   */
  clientStateLost(clientId: string): void {
    const session = this.#sessions.get(clientId);
    session?.outgoing.clientStateLost();
    session?.incoming.forget();
  }

  /** Identifiers that a client's messages hold, oldest message first. */
  openIdentifiers(clientId: string): number[] {
    return this.#sessions.get(clientId)?.outgoing.open() ?? [];
  }

  /**
   * What is still open, in words: messages of the clients without acknowledgement, acknowledgements owed by them.
   * Empty when everything is settled; wait for that, then call {@link assertSettled}.
   */
  unsettled(): string[] {
    return [...this.#sessions.values()].flatMap((session) => {
      const open = session.outgoing.open();
      const messages =
        open.length > 0 ? [`${open.length} messages not acknowledged: ${open.slice(0, 10).join(', ')}`] : [];
      return [...messages, ...session.incoming.unsettled()].map((text) => `${session.clientId}: ${text}`);
    });
  }

  /** @throws RuleError if a rule was broken. */
  assertClean(): void {
    if (this.violations.length > 0) throw new RuleError(this.violations);
  }

  /**
   * For the moment when the clients have nothing more to send: every re-send was made, every message acknowledged in
   * both directions (4.5.0-2), no rule broken. With `open`, messages and acknowledgements may still be under way.
   *
   * @throws RuleError, or Error when something is open.
   */
  assertSettled(options: { open?: boolean } = {}): void {
    for (const connection of this.#connections.values()) {
      if (connection.session.current !== connection.number || !connection.connected) continue;
      connection.session.outgoing.checkComplete(connection.report);
    }
    this.assertClean();
    const unsettled = options.open ? [] : this.unsettled();
    if (unsettled.length > 0) throw new Error(`not settled:\n${unsettled.join('\n')}`);
  }

  #connect(number: number, packet: IConnectPacket): void {
    const version = packet.protocolVersion ?? 4;
    const clientId = packet.clientId;
    const connection: Connection = {
      number,
      version,
      session: this.#session(clientId === '' ? undefined : clientId),
      limits: new ServerLimits(undefined),
      aliasesToBroker: new TopicAliases(),
      aliasesToClient: new TopicAliases(),
      connected: false,
      disconnected: false,
      sessionExpiry: expiryAtConnect(packet, version),
      report: {
        violation: (rule, message) => this.#violate(connection.session.clientId, version, number, rule, message),
        note: (kind, message) => this.#note(connection.session.clientId, number, kind, message),
      },
    };
    this.#connections.set(number, connection);
    this.#attach(connection);
    // 3.1.2-6 (3.1.1), 3.1.2-4 (5.0): discarded on both sides, whatever comes back.
    if (packet.clean) forget(connection.session);
  }

  #attach({ session, number }: Connection): void {
    session.current = number;
    session.outgoing.connecting(number);
    session.incoming.connected();
  }

  #connack(connection: Connection, packet: IConnackPacket): void {
    if (reasonCode(packet) !== 0) return;
    const { properties } = packet;
    if (properties?.assignedClientIdentifier !== undefined) {
      connection.session = this.#session(properties.assignedClientIdentifier);
      this.#attach(connection);
    }
    connection.connected = true;
    connection.sessionExpiry = properties?.sessionExpiryInterval ?? connection.sessionExpiry;
    connection.limits = new ServerLimits(connection.version === 5 ? packet : undefined);
    connection.session.outgoing.connected(packet.sessionPresent, connection.limits);
    if (!packet.sessionPresent) connection.session.incoming.forget();
  }

  #fromClient(connection: Connection, packet: Packet): void {
    const { report, limits } = connection;
    const { outgoing, incoming } = connection.session;
    const identifier = packet.messageId ?? 0;
    if (connection.disconnected) report.violation('after-disconnect', `${packet.cmd} after DISCONNECT`);
    if (!connection.connected) beforeConnack(packet, report);
    limits.checkPacket(packet, report);
    switch (packet.cmd) {
      case 'connect':
        report.violation('connect-twice', 'second CONNECT on one connection');
        break;
      case 'publish':
        this.#publish(connection, packet);
        break;
      case 'pubrel':
        outgoing.pubrel(identifier, report);
        break;
      case 'subscribe':
      case 'unsubscribe':
        outgoing.request(identifier, packet.cmd.toUpperCase(), report);
        break;
      case 'puback':
        incoming.puback(identifier, report);
        break;
      case 'pubrec':
        incoming.pubrec(identifier, reasonCode(packet), report);
        break;
      case 'pubcomp':
        incoming.pubcomp(identifier, report);
        break;
      case 'disconnect':
        connection.disconnected = true;
        connection.sessionExpiry = packet.properties?.sessionExpiryInterval ?? connection.sessionExpiry;
        break;
      default:
        break;
    }
  }

  #publish(connection: Connection, packet: IPublishPacket): void {
    const { report, limits, session } = connection;
    limits.checkPublish(packet, report);
    const topic = connection.aliasesToBroker.resolve(packet);
    if (topic === undefined) {
      const alias = packet.properties?.topicAlias;
      report.violation('topic-alias-unknown', `PUBLISH ${packet.messageId ?? ''} without topic, alias ${alias}`);
    }
    session.outgoing.publish(packet, topic ?? '', report);
  }

  #fromBroker(connection: Connection, packet: Packet): void {
    const { report } = connection;
    const { outgoing, incoming } = connection.session;
    const identifier = packet.messageId ?? 0;
    switch (packet.cmd) {
      case 'connack':
        this.#connack(connection, packet);
        break;
      case 'publish':
        this.#deliver(connection, packet);
        break;
      case 'pubrel':
        incoming.released(identifier);
        break;
      case 'suback':
      case 'unsuback':
        outgoing.requestAcknowledged(identifier);
        break;
      case 'puback':
        outgoing.puback(identifier, report);
        break;
      case 'pubrec':
        outgoing.pubrec(identifier, reasonCode(packet), report);
        break;
      case 'pubcomp':
        outgoing.pubcomp(identifier, report);
        break;
      default:
        break;
    }
  }

  #deliver(connection: Connection, packet: IPublishPacket): void {
    const topic = connection.aliasesToClient.resolve(packet) ?? '';
    const standing = connection.session.incoming.delivered(packet, topic);
    if (this.#maxDeliveries === 0) return;
    push(this.deliveries, this.#maxDeliveries, {
      clientId: connection.session.clientId,
      connection: connection.number,
      topic,
      // A copy: the packet's own is a view of the whole chunk that came from the socket.
      payload: Buffer.from(packet.payload),
      qos: packet.qos,
      dup: packet.dup,
      retain: packet.retain,
      identifier: packet.qos === 0 ? undefined : packet.messageId,
      ...standing,
    });
  }

  /** Without client id: a session that nobody can come back to. */
  #session(clientId: string | undefined): Session {
    const known = clientId === undefined ? undefined : this.#sessions.get(clientId);
    if (known) return known;
    const session: Session = {
      clientId: clientId ?? '',
      outgoing: new OutgoingRules(),
      incoming: new IncomingRules(),
      current: undefined,
    };
    if (clientId !== undefined) this.#sessions.set(clientId, session);
    return session;
  }

  #violate(clientId: string, version: 3 | 4 | 5, connection: number, rule: Rule, message: string): void {
    this.violations.push({ rule, statement: statementOf(rule, version), clientId, connection, message });
  }

  #note(clientId: string, connection: number, kind: NoteKind, message: string): void {
    this.noteCounts.set(kind, (this.noteCounts.get(kind) ?? 0) + 1);
    push(this.notes, this.#maxNotes, { kind, clientId, connection, message });
  }
}

function expiryAtConnect(packet: IConnectPacket, version: 3 | 4 | 5): number {
  if (version === 5) return packet.properties?.sessionExpiryInterval ?? 0;
  return packet.clean ? 0 : Number.POSITIVE_INFINITY;
}

/** Before CONNACK a client knows neither Session Present nor Receive Maximum: nothing that depends on them may go out. */
function beforeConnack(packet: Packet, report: Report): void {
  const dependsOnSession =
    ['pubrel', 'puback', 'pubrec', 'pubcomp'].includes(packet.cmd) || (packet.cmd === 'publish' && packet.qos > 0);
  if (dependsOnSession) report.violation('before-connack', `${packet.cmd} ${packet.messageId} before CONNACK`);
  else report.note('early-packet', `${packet.cmd} before CONNACK`);
}

function forget(session: Session): void {
  session.outgoing.forget();
  session.incoming.forget();
}

/** Appends to a list that keeps its newest `max` entries; drops in blocks, because shift() on a long list is slow. */
function push<T>(list: T[], max: number, entry: T): void {
  if (list.length >= max * 1.1 + 10) list.splice(0, list.length - max);
  list.push(entry);
}
