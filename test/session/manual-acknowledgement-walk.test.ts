import * as assert from 'node:assert/strict';
import type { Delivery } from '../../src/session/effects';
import type { InboundPacket } from '../../src/session/packets';
import { Random } from '../simulation/random';
import { Harness, inbound, limits, limits5, pubrel } from './harness';

const MESSAGES = 60;
const WALKS = 150;

interface Sent {
  identifier: number;
  qos: 1 | 2;
  released: boolean;
}

/** A broker with a backlog that it sends without regard for our Receive Maximum, and a flow that acknowledges in any order. */
class Walk {
  harness: Harness;
  connections = 0;
  acknowledged = 0;
  readonly #given = new Map<number, number>();
  readonly #queue: Sent[];
  #inflight: Sent[] = [];
  /** Deliveries of this process that the flow has not acknowledged. */
  #open: Delivery[] = [];
  #seen = 0;
  #connected = false;

  constructor(
    private readonly random: Random,
    private readonly version: 4 | 5,
    private readonly receiveMaximum: number,
    private readonly window: number,
  ) {
    this.harness = new Harness({ receiveMaximum });
    this.#queue = Array.from({ length: MESSAGES }, (_, index) => {
      return { identifier: index + 1, qos: random.pick([1, 2] as const), released: false };
    });
  }

  get isDone(): boolean {
    return this.#queue.length === 0 && this.#inflight.length === 0;
  }

  get openCount(): number {
    return this.#open.length;
  }

  connect(): void {
    this.connections += 1;
    this.#connected = true;
    this.harness.connect((this.version === 5 ? limits5 : limits)({ sessionPresent: this.connections > 1 }));
    // All at once, before it has read anything (MQTT-4.4.0-1 (3.1.1)).
    const again = this.#inflight.map(({ identifier, qos, released }) =>
      released ? pubrel(identifier) : inbound(qos, identifier, String(identifier), true),
    );
    for (const packet of again) {
      this.harness.receive(packet);
      this.#takeDeliveries();
    }
    this.#settle();
    this.#sendQueued();
  }

  disconnect(): void {
    this.#connected = false;
    this.harness.disconnect();
    this.harness.takePackets(); // Lost with it.
  }

  crash(): void {
    const { harness } = this;
    this.harness = harness.restart({ receiveMaximum: this.receiveMaximum });
    this.#connected = false;
    this.#open = [];
    this.#seen = 0;
    this.#given.clear();
  }

  /** The flow acknowledges one of what it has. */
  acknowledge(): void {
    if (this.#open.length === 0) return;
    const [delivery] = this.#open.splice(this.random.between(0, this.#open.length - 1), 1);
    this.acknowledged += 1;
    this.harness.session.handled((delivery as Delivery).delivery, delivery?.identifier);
    this.#settle();
  }

  step(): void {
    if (!this.#connected) this.connect();
    const dice = this.random.between(0, 99);
    if (dice < 90) this.acknowledge();
    else if (dice < 96) this.disconnect();
    else if (dice < 98) this.crash();
    else this.#sendQueued();
  }

  #sendQueued(): void {
    while (this.#connected && this.#queue.length > 0 && this.#inflight.length < this.window) {
      const next = this.#queue.shift() as Sent;
      this.#inflight.push(next);
      this.harness.receive(inbound(next.qos, next.identifier, String(next.identifier)));
      this.#settle();
    }
  }

  #takeDeliveries(): void {
    const { harness } = this;
    for (const delivery of harness.deliveries.slice(this.#seen)) {
      this.#seen += 1;
      const identifier = delivery.identifier as number;
      assert.equal(this.#given.get(identifier), undefined, `message ${identifier} given twice to one process`);
      for (const other of this.#given.keys()) assert.ok(other < identifier, `${identifier} given after ${other}`);
      this.#given.set(identifier, delivery.delivery);
      assert.equal(harness.session.awaited(delivery.delivery, identifier), true);
      this.#open.push(delivery);
    }
    if (this.version === 5) assert.ok(this.#open.length <= this.receiveMaximum, `${this.#open.length} at the flow`);
  }

  /** What the session did: deliveries to the flow, acknowledgements to the broker, the end of the connection. */
  #settle(): void {
    const { harness } = this;
    this.#takeDeliveries();
    harness.run();
    const released: InboundPacket[] = [];
    for (const packet of harness.takePackets()) {
      if (!this.#connected || packet.cmd === 'publish' || !('messageId' in packet)) continue;
      if (this.#answered(packet.cmd, packet.messageId)) released.push(pubrel(packet.messageId));
    }
    const last = harness.effects.findLast(({ type }) => type === 'close');
    if (last?.type === 'close' && this.#connected) {
      assert.equal(last.reason, 'inbound-room');
      harness.effects = [];
      this.disconnect();
    } else if (released.length > 0) {
      harness.receive(...released);
      this.#settle();
    }
  }

  /** @returns whether PUBREL follows. */
  #answered(cmd: string, identifier: number): boolean {
    const index = this.#inflight.findIndex((sent) => sent.identifier === identifier);
    const sent = this.#inflight[index];
    assert.ok(sent, `${cmd} ${identifier} without a message`);
    if (cmd !== 'pubrec') this.#inflight.splice(index, 1);
    if (cmd === 'pubcomp') return false;
    const older = this.#inflight.slice(0, index).filter(({ qos, released }) => qos === sent.qos && !released);
    assert.deepEqual(older, [], `${cmd} ${identifier} before an older one`);
    sent.released = true;
    return cmd === 'pubrec';
  }
}

describe('session: a random walk with a flow that acknowledges', () => {
  for (const version of [4, 5] as const) {
    it(`gives all in order, once to a process, acknowledges in order, and connects a bounded number of times (version ${version})`, () => {
      for (let seed = 1; seed <= WALKS; seed++) {
        const random = new Random(seed);
        const walk = new Walk(random, version, random.pick([1, 2, 5, 20]), random.pick([3, 20, MESSAGES]));
        try {
          for (let steps = 0; steps < 200 && !walk.isDone; steps++) walk.step();
          // From here on only the flow decides how often there is a new connection.
          walk.disconnect();
          const { connections, acknowledged } = walk;
          for (let steps = 0; !walk.isDone; steps++) {
            assert.ok(steps < 1_000, 'it does not end');
            walk.connect();
            while (walk.openCount > 0) walk.acknowledge();
            walk.disconnect();
          }
          assert.ok(walk.connections - connections <= walk.acknowledged - acknowledged + 2, 'a connection for nothing');
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  }
});
