import type { Connection, ConnectionEnd, ConnectionEvents, ConnectionOptions } from '../../src/connection/types';
import type { InboundPacket, OutboundPacket } from '../../src/session/packets';
import type { Scheduler } from '../../src/store/scheduler';

/** A broker for one client, that answers each packet at once, or when the script says so. */
export class ScriptedBroker {
  /** What CONNACK says. */
  sessionPresent = false;
  receiveMaximum: number | undefined;
  /** Answers of these kinds wait for `answerHeld`. */
  readonly holdBack = new Set<InboundPacket['cmd']>();
  /** All that came, over all connections. */
  readonly packets: OutboundPacket[] = [];
  /** MQTT 5: the reason code for a PUBLISH. */
  reasonFor: (packet: Extract<OutboundPacket, { cmd: 'publish' }>) => number = () => 0;
  onReceived: (packet: OutboundPacket) => void = () => undefined;
  /** Told before the client is. */
  onSending: (packet: InboundPacket) => void = () => undefined;
  #held: InboundPacket[] = [];
  #link: ScriptedLink | undefined;

  constructor(readonly scheduler: Scheduler) {}

  /** A `Connect`. */
  readonly connect = (options: ConnectionOptions, events: ConnectionEvents): Connection => {
    this.#link = new ScriptedLink(this, options, events);
    this.#held = [];
    return this.#link;
  };

  /** Gives the answers that were held back, or the first `count` of them. */
  answerHeld(count = this.#held.length): void {
    const packets = this.#held.splice(0, count);
    if (packets.length > 0) this.send(...packets);
  }

  send(...packets: InboundPacket[]): void {
    this.#link?.toClient(packets);
  }

  /** The connection is lost. */
  cut(): void {
    this.#link?.lose();
  }

  received(packet: OutboundPacket): void {
    this.packets.push(packet);
    this.onReceived(packet);
    const answer = this.#answer(packet);
    if (answer === undefined) return;
    if (this.holdBack.has(answer.cmd)) this.#held.push(answer);
    else this.send(answer);
  }

  #answer(packet: OutboundPacket): InboundPacket | undefined {
    const { messageId = 0 } = packet;
    switch (packet.cmd) {
      case 'publish': {
        if (packet.qos === 0) return undefined;
        const reasonCode = this.reasonFor(packet);
        return { cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId, ...(reasonCode === 0 ? {} : { reasonCode }) };
      }
      case 'pubrel':
        return { cmd: 'pubcomp', messageId };
      case 'pubrec':
        return { cmd: 'pubrel', messageId };
      case 'subscribe':
        return { cmd: 'suback', messageId, granted: packet.subscriptions.map(({ qos }) => qos) };
      case 'unsubscribe':
        return { cmd: 'unsuback', messageId };
      default:
        return undefined;
    }
  }
}

class ScriptedLink implements Connection {
  readonly bufferedBytes = 0;
  readonly bytes = { sent: 0, received: 0 };
  readonly messages = { sent: 0, resent: 0, received: 0 };
  #state: 'opening' | 'up' | 'down' = 'opening';
  #outgoing: OutboundPacket[] = [];

  constructor(
    private readonly broker: ScriptedBroker,
    { protocolVersion, clean }: ConnectionOptions,
    private readonly events: ConnectionEvents,
  ) {
    broker.scheduler.after(1, () => {
      if (this.#state !== 'opening') return;
      this.#state = 'up';
      events.up(
        {
          protocolVersion,
          sessionPresent: broker.sessionPresent,
          cleanStart: clean,
          receiveMaximum: broker.receiveMaximum,
          maximumQoS: 2,
          retainAvailable: true,
          maximumPacketSize: undefined,
          topicAliasMaximum: 0,
          wildcardSubscriptionAvailable: true,
          subscriptionIdentifiersAvailable: true,
          sharedSubscriptionAvailable: true,
        },
        {},
      );
    });
  }

  send(packet: OutboundPacket): void {
    if (this.#state === 'up') this.#outgoing.push(packet);
  }

  flush(): void {
    for (const packet of this.#outgoing.splice(0)) this.broker.received(packet);
  }

  end(options: { cause?: ConnectionEnd } = {}): void {
    this.flush();
    this.broker.scheduler.after(1, () => this.#down(options.cause ?? { kind: 'ended' }));
  }

  toClient(packets: InboundPacket[]): void {
    this.broker.scheduler.after(1, () => {
      if (this.#state !== 'up') return;
      for (const packet of packets) this.broker.onSending(packet);
      this.events.packets(packets);
    });
  }

  lose(): void {
    this.broker.scheduler.after(1, () => this.#down({ kind: 'closed' }));
  }

  #down(end: ConnectionEnd): void {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.events.down(end);
  }
}
