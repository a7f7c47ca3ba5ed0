import type { Packet } from 'mqtt-packet';
import type {
  Connect,
  Connection,
  ConnectionEnd,
  ConnectionEvents,
  ConnectionOptions,
} from '../../src/connection/types';
import type { ConnectionLimits, InboundPacket, OutboundPacket } from '../../src/session/packets';
import type { RuleChecker } from '../support/rules';
import type { BrokerLink, ModelBroker } from './model-broker';
import type { Random } from './random';
import type { Trace } from './trace';
import type { VirtualTime } from './virtual-time';

/** How long a client waits on a silent connection: keep-alive, and the time for the answer. */
const PING_TIMEOUT_MS = 90_000;
const CONNECT_TIMEOUT_MS = 30_000;

/** A broker at its address, with the checker that sees all packets between it and the client. */
export interface Site {
  url: string;
  broker: ModelBroker;
  rules: RuleChecker;
}

/**
 * Links with latency that can be cut (what is under way is lost, in part or as a whole), fall silent (half-open) and
 * refuse connections. Bytes on one link never overtake each other.
 */
export class Network {
  /** While false no link can be made. */
  reachable = true;
  latencyMsMax = 20;
  readonly links = new Set<SimulatedLink>();
  #count = 0;
  /** Packets carried. */
  packets = 0;

  constructor(
    readonly time: VirtualTime,
    readonly random: Random,
    readonly trace: Trace,
    private readonly sites: ReadonlyMap<string, Site>,
  ) {}

  /** `Connect` for one process. */
  connectFor(isAlive: () => boolean): Connect {
    return (options, events) => {
      const site = this.sites.get(options.url);
      if (site === undefined) throw new Error(`no broker at ${options.url}`);
      const link = new SimulatedLink(this, site, ++this.#count, options, events, isAlive);
      this.links.add(link);
      link.open();
      return link;
    };
  }

  latency(): number {
    return this.random.between(0, this.latencyMsMax);
  }
}

/** One connection: the client's `Connection`, and the broker's end of it. */
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

  constructor(
    private readonly network: Network,
    private readonly site: Site,
    readonly number: number,
    readonly options: ConnectionOptions,
    private readonly events: ConnectionEvents,
    private readonly isAlive: () => boolean,
  ) {}

  get isUp(): boolean {
    return this.#state === 'up';
  }

  // The client's end.

  open(): void {
    const { network } = this;
    if (!network.reachable) {
      network.time.after(network.latency() + 1, () => this.#down({ kind: 'unreachable' }));
      return;
    }
    network.time.after(CONNECT_TIMEOUT_MS, () => {
      if (this.#state === 'opening') this.#lost({ kind: 'unreachable' });
    });
    const { clientId, clean, protocolVersion } = this.options;
    this.site.rules.packet(this.number, 'toBroker', {
      cmd: 'connect',
      clientId,
      clean,
      protocolVersion,
      ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 0xffff_ffff } } : {}),
    } as Packet);
    network.time.after(network.latency(), () => {
      if (this.#state === 'down' || this.#silent) return;
      this.#brokerEnd = 'open';
      this.site.broker.connected(this);
    });
  }

  send(packet: OutboundPacket): void {
    if (this.#state !== 'up' || !this.isAlive()) return;
    this.network.packets += 1;
    if (packet.cmd === 'publish') this.messages.sent += 1;
    if (packet.cmd === 'publish' && packet.dup) this.messages.resent += 1;
    this.network.trace.add('sent', () => `#${this.number} ${describe(packet)}`);
    this.site.rules.packet(this.number, 'toBroker', packet as Packet);
    this.#outgoing.push(packet);
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
    this.network.time.after(this.#silent ? 2_000 : this.network.latency() + 1, () => {
      this.#deliverRest();
      this.#closeAtBroker();
      this.#down(end);
    });
  }

  // The broker's end.

  toClient(packet: InboundPacket | ConnectionLimits): void {
    if (this.#state === 'down' || this.#silent) return;
    this.#toClient.push(packet);
    this.#lastToClient = Math.max(this.#lastToClient, this.network.time.now() + this.network.latency());
    this.network.time.after(this.#lastToClient - this.network.time.now(), () => this.#receive());
  }

  /** The broker closes; what it sent before still arrives. */
  closeByBroker(): void {
    if (this.#brokerEnd !== 'open') return;
    this.#brokerEnd = 'closed';
    const { time } = this.network;
    time.after(Math.max(0, this.#lastToClient - time.now()) + this.network.latency(), () => {
      if (this.#state !== 'ending') this.#down({ kind: 'closed' });
    });
  }

  // Faults.

  /** The network cuts the link: of what is under way to the broker a part may still have arrived. */
  cut(): void {
    this.#lost({ kind: 'closed' });
  }

  /** From now on nothing arrives at either end, and nobody is told. */
  fallSilent(): void {
    if (this.#silent) return;
    this.#silent = true;
    this.network.time.after(PING_TIMEOUT_MS, () => this.#lost({ kind: 'ping-timeout' }));
  }

  congest(forMs: number): void {
    if (this.#state !== 'up') return;
    this.events.congested(true);
    this.network.time.after(forMs, () => {
      if (this.#state === 'up' && this.isAlive()) this.events.congested(false);
    });
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
    if (this.#brokerEnd !== 'open') return;
    for (const packet of packets) {
      if (this.#brokerEnd === 'open') this.site.broker.received(this, packet);
    }
  }

  #receive(): void {
    if (this.#silent || this.#toClient.length === 0) return;
    if (!this.isAlive() || (this.#state !== 'up' && this.#state !== 'opening')) {
      this.#toClient.length = 0;
      return;
    }
    const packets: InboundPacket[] = [];
    for (const packet of this.#toClient.splice(0, this.network.random.between(1, this.#toClient.length))) {
      this.network.packets += 1;
      if ('cmd' in packet) {
        this.network.trace.add('received', () => `#${this.number} ${describe(packet)}`);
        this.site.rules.packet(this.number, 'toClient', packet as Packet);
        if (packet.cmd === 'publish') this.messages.received += 1;
        packets.push(packet);
      } else {
        this.#state = 'up';
        this.network.trace.add('connected', () => `#${this.number} session present ${packet.sessionPresent}`);
        this.site.rules.packet(this.number, 'toClient', {
          cmd: 'connack',
          // A 3.1 broker does not say: the client has to reckon with a session.
          sessionPresent: packet.sessionPresent ?? true,
          returnCode: 0,
          ...(packet.receiveMaximum === undefined ? {} : { properties: { receiveMaximum: packet.receiveMaximum } }),
        } as Packet);
        this.events.up(packet, {});
      }
    }
    if (packets.length > 0 && this.#state === 'up') this.events.packets(packets);
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
    this.network.trace.add('disconnected', () => `#${this.number} ${end.kind} ${end.reasonString ?? ''}`);
    this.site.rules.connectionClosed(this.number);
    if (this.isAlive()) this.events.down(end);
  }
}

function describe(packet: OutboundPacket | InboundPacket): string {
  const { cmd, messageId } = packet;
  if (cmd !== 'publish') return `${cmd} ${messageId}`;
  return `publish ${messageId ?? '-'} q${packet.qos}${packet.dup ? ' dup' : ''} ${packet.topic} ${packet.payload.toString('latin1', 0, 8)}`;
}
