import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Mosquitto, type MosquittoOptions } from '../../support/mosquitto';
import { Observer, Publisher } from '../../support/observer';
import { MqttProxy } from '../../support/proxy';
import { RuleChecker } from '../../support/rules';
import { waitFor } from '../../support/wait';
import { BrokerFaults, type Feed } from './broker-faults';
import { type BrokerDeliveries, streamOf } from './findings';
import { keyOf, Ledger, type MessageKey } from './ledger';
import { observedKey } from './observed-key';
import { SmallDisk } from './small-disk';
import { WireHistory } from './wire-history';

export interface TestBedOptions {
  mosquitto?: MosquittoOptions;
  /** What the observer subscribes to. Default `+/out/#`. */
  observe?: string;
  /** The sessions get a file system of their own that can be filled, where that is permitted. */
  smallDisk?: boolean;
}

/** What one topic carries. Messages for a subscription with QoS 0 are published with QoS 1. */
export interface Stream {
  topic: string;
  qos: 0 | 1 | 2;
}

/** Number of the first message of a feed. */
export const FIRST_FED = 10_000;

/** Feeds pause while the publisher has so many messages that the broker has not taken. */
const FEED_OPEN_MAX = 500;

/** All of them are needed to judge what was handed over, in a long campaign too. */
const DELIVERIES_MAX = 5_000_000;

/**
 * A real broker, the proxy that the process under test connects to, and behind its back an observer and a publisher
 * with connections of their own. Topics: `<client>/out/<anything>` and `<client>/in/<anything>`.
 */
export class TestBed {
  readonly ledger: Ledger;
  readonly brokerFaults: BrokerFaults;
  /** Messages that the publisher was given, with QoS 1 and 2 of the subscription. */
  readonly published: MessageKey[] = [];
  /** When the sessions and subscriptions of the process under test last came into being at the broker. */
  subscribedAtMs = 0;
  #feeds: NodeJS.Timeout[] = [];
  #feedsPaused = false;
  #nextBytes = 0;
  #probe = 0;
  readonly #fed = new Map<MessageKey, Feed>();
  /** Number of the last connection of each run of the process that is over. */
  readonly #lastConnections: number[] = [];

  private constructor(
    readonly directory: string,
    readonly broker: Mosquitto,
    readonly proxy: MqttProxy,
    readonly wire: WireHistory,
    readonly observer: Observer,
    readonly publisher: Publisher,
    /** What the system said where there is none although it was asked for. */
    readonly disk: SmallDisk | string | undefined,
  ) {
    this.ledger = new Ledger(directory);
    this.brokerFaults = new BrokerFaults(wire, this.#fed);
  }

  static async start({ mosquitto, observe = '+/out/#', smallDisk = false }: TestBedOptions = {}): Promise<TestBed> {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'crash-'));
    const disk = smallDisk ? SmallDisk.mount(path.join(directory, 'disk')) : undefined;
    const broker = await Mosquitto.start(mosquitto);
    const checker = new RuleChecker({ maxDeliveries: DELIVERIES_MAX });
    const wire = new WireHistory(directory);
    const onEvent = wire.record.bind(wire);
    const proxy = await new MqttProxy({ brokerPort: broker.port, checker, onEvent }).start();
    const observer = await Observer.start({ port: broker.port, protocolVersion: 5, filter: observe });
    const publisher = await Publisher.start({ port: broker.port, protocolVersion: 5 });
    return new TestBed(directory, broker, proxy, wire, observer, publisher, disk);
  }

  get storePath(): string {
    const directory = this.disk instanceof SmallDisk ? this.disk.directory : this.directory;
    return path.join(directory, 'sessions');
  }

  /** Publishes one message behind the back of the process under test, which is expected to get it. */
  async publish(topic: string, sequence: number, qos: 0 | 1 | 2, bytes = 0): Promise<void> {
    const key = keyOf(topic, sequence);
    const publishedQoS = qos === 0 ? 1 : qos;
    const feed: Feed = { qos: publishedQoS, givenAtMs: performance.now() };
    if (qos > 0) this.published.push(key);
    this.#fed.set(key, feed);
    await this.publisher.publish(topic, payloadOf(topic, sequence, bytes), publishedQoS);
    feed.takenAtMs = performance.now();
  }

  /**
   * Waits until the process under test is subscribed to all these topics: until it got a probe on each. Probes have the
   * numbers below {@link FIRST_FED} and are not expected to arrive, because the first may come too early.
   */
  async waitForSubscriptions(streams: readonly Stream[], detail: () => string): Promise<void> {
    const first = this.#probe;
    const open = new Set(streams.map(({ topic }) => topic));
    let looked = this.ledger.refresh().received.length;
    const subscribed = async () => {
      const sequence = this.#probe++;
      await Promise.all(
        streams.map(({ topic, qos }) => this.publisher.publish(topic, payloadOf(topic, sequence), qos === 0 ? 1 : qos)),
      );
      const { received } = this.ledger.refresh();
      for (; looked < received.length; looked++) {
        const handOver = received[looked];
        if (handOver && handOver.sequence >= first && handOver.sequence < FIRST_FED) open.delete(handOver.topic);
      }
      return open.size === 0;
    };
    await waitFor(subscribed, { what: 'the subscriptions', intervalMs: 100, timeoutMs: 120_000, detail });
    this.subscribedAtMs = performance.now();
  }

  /** Publishes `perSecond` messages on each of the topics, until {@link stopFeeds}. */
  feed(streams: readonly Stream[], perSecond: number): void {
    let fedAt = performance.now();
    let owed = 1;
    let sequence = FIRST_FED;
    const timer = setInterval(() => {
      const now = performance.now();
      const isFeeding = !this.#feedsPaused && this.publisher.openCount < FEED_OPEN_MAX;
      if (isFeeding) owed += ((now - fedAt) / 1000) * perSecond;
      fedAt = now;
      // What is owed waits as well: the first message of a feed, where a pause came before it.
      for (; isFeeding && owed >= 1; owed--, sequence++) {
        for (const { topic, qos } of streams) this.publish(topic, sequence, qos, this.#nextBytes).catch(unexpected);
        this.#nextBytes = 0;
      }
    }, 20);
    this.#feeds.push(timer);
  }

  pauseFeeds(paused: boolean): void {
    this.#feedsPaused = paused;
  }

  /** The next message of each feed has so many bytes. */
  feedLarge(bytes: number): void {
    this.#nextBytes = bytes;
  }

  /** A process under test that finds this file takes it away; its next message on each topic has as many bytes as it says. */
  get largeFile(): string {
    return path.join(this.directory, 'large');
  }

  /** Ends all feeds and waits until the broker has taken everything. */
  async stopFeeds(): Promise<void> {
    for (const timer of this.#feeds) clearInterval(timer);
    this.#feeds = [];
    await waitFor(() => this.publisher.openCount === 0, {
      what: 'the broker to take all messages',
      timeoutMs: 120_000,
    });
  }

  /** An outage of the network between the process under test and the broker. */
  async outage(on: boolean): Promise<void> {
    await this.proxy.refuse(on);
    if (on) this.proxy.cut();
  }

  /** To be called when a run of the process is over: connections that follow are the next one's. */
  endGeneration(): void {
    this.#lastConnections.push(this.proxy.connectionCount);
  }

  /** What the broker sent to the process under test. */
  brokerDeliveries(): BrokerDeliveries {
    const count = new Map<MessageKey, number>();
    const repeatedAfterRelease = new Set<MessageKey>();
    const streams = new Map<string, number[]>();
    const generationOf = (connection: number) => 1 + this.#lastConnections.filter((last) => last < connection).length;
    for (const { connection, topic, payload, qos, dup, retain, afterRelease } of this.proxy.checker.deliveries) {
      const key = observedKey({ topic, payload: payload.toString('latin1', 0, 200), qos, dup, retain });
      count.set(key, (count.get(key) ?? 0) + 1);
      if (afterRelease) repeatedAfterRelease.add(key);
      const stream = streamOf({ generation: generationOf(connection), qos, topic });
      const numbers = streams.get(stream) ?? [];
      streams.set(stream, numbers);
      numbers.push(Number(key.split(' ')[1]));
    }
    const answeredBy = new Map<MessageKey, number>();
    for (const [key, { answeredOn }] of this.wire.inward) {
      if (answeredOn !== undefined) answeredBy.set(key, generationOf(answeredOn));
    }
    return { count, repeatedAfterRelease, streams, answeredBy };
  }

  /** Waits until nothing is open between the process and the broker, and demands that no rule was broken. */
  async settle(timeoutMs = 120_000): Promise<void> {
    const { checker } = this.proxy;
    this.proxy.assertClean();
    await waitFor(() => checker.unsettled().length === 0, {
      what: 'a settled link',
      timeoutMs,
      detail: () => `${checker.unsettled().join('\n')}\n${this.proxy.recent()}`,
    });
    checker.assertSettled();
    this.proxy.assertClean();
  }

  /** For error messages. */
  describe(): string {
    const { connectionCount, connections } = this.proxy;
    return `connections: ${connectionCount} made, ${connections.length} open\n${this.proxy.recent(30)}`;
  }

  /** With `keep` its folder stays, with all logs and, copied from a disk of its own, the sessions. */
  async stop({ keep = false } = {}): Promise<void> {
    for (const timer of this.#feeds) clearInterval(timer);
    await this.observer.stop();
    await this.publisher.stop();
    await this.proxy.stop();
    if (keep) {
      this.wire.flush();
      fs.writeFileSync(path.join(this.directory, 'broker.log'), this.broker.log);
    }
    await this.broker.remove();
    if (this.disk instanceof SmallDisk) {
      if (keep) fs.cpSync(this.storePath, path.join(this.directory, 'sessions'), { recursive: true });
      this.disk.remove();
    }
    if (!keep) fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

function payloadOf(topic: string, sequence: number, bytes = 0): string {
  const numbered = `{"stream":"${topic}","seq":${sequence}`;
  return bytes === 0 ? `${numbered}}` : `${numbered},"fill":"${'.'.repeat(bytes)}"}`;
}

function unexpected(error: Error): void {
  throw error;
}
