import type { Packet } from 'mqtt-packet';
import { OutboundTopicAliases } from '../../src/connection/outbound-topic-aliases';
import { TopicAliases } from '../../src/connection/topic-aliases';
import type { Connection, ConnectionEnd, ConnectionEvents, ConnectionOptions } from '../../src/connection/types';
import type { ConnectionLimits, InboundPacket, OutboundPacket, PublishPacket } from '../../src/session/packets';
import type { BrokerLink } from './model-broker';
import type { Network, Site } from './network';

/** How long a client waits on a silent connection: keep-alive, and the time for the answer. */
const PING_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 30_000;

const SENT_KINDS = { puback: 'our PUBACK', pubrec: 'our PUBREC', pubcomp: 'our PUBCOMP', pubrel: 'PUBREL' } as const;
const RECEIVED_KINDS = { puback: 'PUBACK', pubrec: 'PUBREC', pubcomp: 'PUBCOMP' } as const;

/**
 * One connection: the client's `Connection`, and the broker's end of it. In place of the real one, whose topic aliases it
 * has: they belong to a connection, so a message must never depend on those of an earlier one.
 */
export class SimulatedLink implements Connection, BrokerLink {
  readonly bytes = { sent: 0, received: 0 };
  readonly messages = { sent: 0, resent: 0, received: 0 };
  readonly bufferedBytes = 0;
  #state: 'opening' | 'up' | 'ending' | 'down' = 'opening';
  #outgoing: OutboundPacket[] = [];
  /** Under way, oldest first. */
  readonly #toBroker: OutboundPacket[][] = [];
  readonly #toClient: (InboundPacket | ConnectionLimits)[] = [];
  #brokerEnd: 'none' | 'open' | 'closed' = 'none';
  #lastToBroker = 0;
  #lastToClient = 0;
  #silent = false;
  #aliasesOut: OutboundTopicAliases | undefined;
  readonly #aliasesIn: TopicAliases;
  readonly #aliasMaximum: number;
  /** What the broker knows each alias to stand for, and what it has set itself. */
  readonly #brokerAliases = new Map<number, string>();
  readonly #aliasesOfBroker = new Map<string, number>();

  constructor(
    private readonly network: Network,
    private readonly site: Site,
    readonly number: number,
    readonly options: ConnectionOptions,
    private readonly events: ConnectionEvents,
    private readonly isAlive: () => boolean,
  ) {
    this.#aliasMaximum = (options.properties?.topicAliasMaximum as number | undefined) ?? 0;
    this.#aliasesIn = new TopicAliases(this.#aliasMaximum);
  }

  // The client's end.

  open(): void {
    const { network } = this;
    if (!network.reachable) {
      network.trace.add('broker unreachable');
      network.time.after(network.latency() + 1, () => this.#down({ kind: 'unreachable' }));
      return;
    }
    network.time.after(CONNECT_TIMEOUT_MS, () => {
      if (this.#state === 'opening') this.#lost({ kind: 'unreachable' });
    });
    const { clientId, clean, protocolVersion } = this.options;
    this.site.rules.connecting(this.number, {
      cmd: 'connect',
      clientId,
      clean,
      protocolVersion,
      ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 0xffff_ffff } } : {}),
    } as Packet);
    network.time.after(network.latency(), () => this.#reachBroker());
  }

  send(packet: OutboundPacket): void {
    if (this.#state !== 'up' || !this.isAlive()) return;
    const { trace } = this.network;
    trace.note(() => `sent #${this.number} ${describe(packet)}`);
    let sent = packet;
    if (packet.cmd === 'publish') {
      this.messages.sent += 1;
      if (packet.dup) this.messages.resent += 1;
      if (packet.dup) trace.count('sent again with DUP');
      sent = this.#aliasesOut?.applied(packet) ?? packet;
      this.#aliasesOut?.sent(sent as PublishPacket);
      if (sent !== packet) trace.count('topic alias sent');
    } else if (packet.cmd in SENT_KINDS) trace.count(SENT_KINDS[packet.cmd as keyof typeof SENT_KINDS]);
    this.site.rules.sent(this.number, packet, sent);
    this.#outgoing.push(sent);
  }

  flush(): void {
    if (this.#outgoing.length === 0) return;
    const batch = this.#outgoing;
    this.#outgoing = [];
    if (this.#state !== 'up' || this.#silent) return;
    this.#toBroker.push(batch);
    this.#lastToBroker = Math.max(this.#lastToBroker, this.network.time.now() + this.network.latency());
    this.network.time.after(this.#lastToBroker - this.network.time.now(), () => {
      const arrived = this.#toBroker.shift();
      if (arrived !== undefined && !this.#silent) this.#arrive(arrived);
    });
  }

  end(options: { cause?: ConnectionEnd } = {}): void {
    if (this.#state === 'ending' || this.#state === 'down') return;
    this.flush();
    this.#state = 'ending';
    const end = options.cause ?? { kind: 'ended' as const };
    if (end.reasonString === 'acknowledgement-overdue') this.network.trace.add('closed as overdue');
    this.network.time.after(this.#silent ? 2_000 : this.network.latency() + 1, () => {
      this.#deliverRest();
      this.#closeAtBroker();
      this.#down(end);
    });
  }

  // The broker's end.

  toClient(packet: InboundPacket | ConnectionLimits): void {
    if (this.#state === 'down' || this.#silent) return;
    this.#toClient.push('cmd' in packet && packet.cmd === 'publish' ? this.#aliased(packet) : packet);
    this.#lastToClient = Math.max(this.#lastToClient, this.network.time.now() + this.network.latency());
    this.network.time.after(this.#lastToClient - this.network.time.now(), () => this.#receive());
  }

  /** The broker closes; what it sent before still arrives. `reasonCode`: with an MQTT 5 DISCONNECT. */
  closeByBroker(reasonCode?: number): void {
    if (this.#brokerEnd !== 'open') return;
    this.#brokerEnd = 'closed';
    const { time } = this.network;
    time.after(Math.max(0, this.#lastToClient - time.now()) + this.network.latency(), () => {
      if (this.#state === 'ending') return;
      this.#down(reasonCode === undefined ? { kind: 'closed' } : { kind: 'server-disconnect', reasonCode });
    });
  }

  // Faults.

  /** The network cuts the link: of what is under way to the broker a part may still have arrived. */
  cut(): void {
    this.network.trace.add('connection lost', () => `#${this.number}`);
    this.#lost({ kind: 'closed' });
  }

  /** From now on nothing arrives at either end, and nobody is told. */
  fallSilent(): void {
    if (this.#silent) return;
    this.#silent = true;
    this.network.trace.add('half-open connection', () => `#${this.number}`);
    this.network.time.after(PING_TIMEOUT_MS, () => this.#lost({ kind: 'ping-timeout' }));
  }

  congest(forMs: number): void {
    if (this.#state !== 'up') return;
    this.network.trace.add('congestion');
    this.network.trace.events += 2;
    this.events.congested(true);
    this.network.time.after(forMs, () => {
      if (this.#state === 'up' && this.isAlive()) this.events.congested(false);
    });
  }

  #reachBroker(): void {
    if (this.#state === 'down' || this.#silent) return;
    const { refusesWith } = this.site.broker;
    if (refusesWith !== undefined) {
      this.network.trace.add('connection refused', () => `reason code ${refusesWith}`);
      this.network.time.after(this.network.latency(), () => this.#down({ kind: 'refused', reasonCode: refusesWith }));
      return;
    }
    this.#brokerEnd = 'open';
    this.site.broker.connected(this);
  }

  #lost(end: ConnectionEnd): void {
    if (this.#state === 'down') return;
    this.flush();
    if (!this.#silent) {
      // A prefix of what is under way, as on any stream.
      const underWay = this.#toBroker.splice(0).flat();
      this.#arrive(underWay.slice(0, this.network.random.between(0, underWay.length)));
    }
    this.#closeAtBroker();
    this.#down(end);
  }

  #deliverRest(): void {
    if (this.#silent) return;
    for (const batch of this.#toBroker.splice(0)) this.#arrive(batch);
  }

  #arrive(packets: readonly OutboundPacket[]): void {
    for (const packet of packets) {
      if (this.#brokerEnd === 'open') this.site.broker.received(this, this.#resolved(packet));
    }
  }

  /** As the broker understands it. */
  #resolved(packet: OutboundPacket): OutboundPacket {
    const alias = packet.cmd === 'publish' ? packet.properties?.topicAlias : undefined;
    if (packet.cmd !== 'publish' || alias === undefined) return packet;
    if (packet.topic !== '') this.#brokerAliases.set(alias, packet.topic);
    // One that is not known is a violation that the rules have reported.
    return { ...packet, topic: this.#brokerAliases.get(alias) ?? '' };
  }

  /** With a topic alias, as a broker may set one. */
  #aliased(packet: PublishPacket): PublishPacket {
    if (this.#aliasMaximum === 0) return packet;
    const known = this.#aliasesOfBroker.get(packet.topic);
    const topicAlias = known ?? this.#aliasesOfBroker.size + 1;
    if (topicAlias > this.#aliasMaximum) return packet;
    this.#aliasesOfBroker.set(packet.topic, topicAlias);
    this.network.trace.count('topic alias received');
    return { ...packet, topic: known === undefined ? packet.topic : '', properties: { topicAlias } };
  }

  #receive(): void {
    if (this.#silent || this.#toClient.length === 0) return;
    if (!this.isAlive() || (this.#state !== 'up' && this.#state !== 'opening')) {
      this.#toClient.length = 0;
      return;
    }
    const packets: InboundPacket[] = [];
    for (const packet of this.#toClient.splice(0, this.network.random.between(1, this.#toClient.length))) {
      this.network.trace.events += 1;
      if ('cmd' in packet) this.#take(packet, packets);
      else this.#up(packet);
    }
    if (packets.length > 0 && this.#state === 'up') this.events.packets(packets);
  }

  #take(packet: InboundPacket, packets: InboundPacket[]): void {
    const { trace } = this.network;
    trace.note(() => `received #${this.number} ${describe(packet)}`);
    this.site.rules.received(this.number, packet);
    if (packet.cmd in RECEIVED_KINDS) trace.count(RECEIVED_KINDS[packet.cmd as keyof typeof RECEIVED_KINDS]);
    if (packet.cmd === 'publish') {
      this.messages.received += 1;
      this.#aliasesIn.resolve(packet);
    }
    packets.push(packet);
  }

  #up(limits: ConnectionLimits): void {
    this.#state = 'up';
    const { sessionPresent, receiveMaximum, topicAliasMaximum } = limits;
    this.network.trace.add('connected', () => `#${this.number} session present ${sessionPresent}`);
    const { topicAliases } = this.options;
    if (topicAliases !== undefined && topicAliasMaximum > 0) {
      this.#aliasesOut = new OutboundTopicAliases(topicAliases, limits);
    }
    this.site.rules.received(this.number, {
      cmd: 'connack',
      // A 3.1 broker does not say: the client has to reckon with a session.
      sessionPresent: sessionPresent ?? true,
      returnCode: 0,
      properties: {
        ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
        ...(topicAliasMaximum === 0 ? {} : { topicAliasMaximum }),
        ...(limits.retainAvailable ? {} : { retainAvailable: false }),
      },
    } as Packet);
    this.events.up(limits, {});
  }

  #closeAtBroker(): void {
    if (this.#brokerEnd !== 'open') return;
    this.#brokerEnd = 'closed';
    this.site.broker.closed(this);
  }

  #down(end: ConnectionEnd): void {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.network.links.delete(this);
    this.network.trace.events += 1;
    this.network.trace.note(() => `disconnected #${this.number} ${end.kind} ${end.reasonString ?? ''}`);
    this.site.rules.closed(this.number);
    if (this.isAlive()) this.events.down(end);
  }
}

function describe(packet: OutboundPacket | InboundPacket): string {
  const { cmd, messageId } = packet;
  const reason = 'reasonCode' in packet && packet.reasonCode ? ` reason code ${packet.reasonCode}` : '';
  if (cmd !== 'publish') return `${cmd} ${messageId}${reason}`;
  return `publish ${messageId ?? '-'} q${packet.qos}${packet.dup ? ' dup' : ''} ${packet.topic} ${packet.payload.toString('latin1', 0, 8)}`;
}
