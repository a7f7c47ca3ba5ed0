import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Mosquitto, type MosquittoOptions } from '../../support/mosquitto';
import { Observer, Publisher } from '../../support/observer';
import { MqttProxy } from '../../support/proxy';
import { RuleChecker } from '../../support/rules';
import { waitFor } from '../../support/wait';
import { type BrokerDeliveries, observedKey, streamOf } from './judgement';
import { keyOf, Ledger, type MessageKey } from './ledger';

export interface TestBedOptions {
  mosquitto?: MosquittoOptions;
  /** What the observer subscribes to. Default `+/out/#`. */
  observe?: string;
}

/** What one topic carries. */
export interface Stream {
  topic: string;
  qos: 1 | 2;
}

/** Number of the first message of a feed. */
export const FIRST_FED = 10_000;

/** All of them are needed to judge what was handed over, in a long campaign too. */
const DELIVERIES_MAX = 5_000_000;

/**
 * A real broker, the proxy that the process under test connects to, and behind its back an observer and a publisher
 * with connections of their own. Topics: `<client>/out/<anything>` and `<client>/in/<anything>`.
 */
export class TestBed {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'crash-'));
  readonly ledger = new Ledger(this.directory);
  /** Messages that the publisher was given. */
  readonly published: MessageKey[] = [];
  #feeds: NodeJS.Timeout[] = [];
  /** Number of the last connection of each run of the process that is over. */
  readonly #lastConnections: number[] = [];

  private constructor(
    readonly broker: Mosquitto,
    readonly proxy: MqttProxy,
    readonly observer: Observer,
    readonly publisher: Publisher,
  ) {}

  static async start({ mosquitto, observe = '+/out/#' }: TestBedOptions = {}): Promise<TestBed> {
    const broker = await Mosquitto.start(mosquitto);
    const checker = new RuleChecker({ maxDeliveries: DELIVERIES_MAX });
    const proxy = await new MqttProxy({ brokerPort: broker.port, checker }).start();
    const observer = await Observer.start({ port: broker.port, protocolVersion: 5, filter: observe });
    const publisher = await Publisher.start({ port: broker.port, protocolVersion: 5 });
    return new TestBed(broker, proxy, observer, publisher);
  }

  get storePath(): string {
    return path.join(this.directory, 'sessions');
  }

  /** Publishes one message behind the back of the process under test, which is expected to get it. */
  publish(topic: string, sequence: number, qos: 1 | 2): Promise<void> {
    this.published.push(keyOf(topic, sequence));
    return this.publisher.publish(topic, payloadOf(topic, sequence), qos);
  }

  /**
   * Waits until the process under test is subscribed to all these topics: until it got a probe on each. Probes have the
   * numbers below {@link FIRST_FED} and are not expected to arrive, because the first may come too early.
   */
  async waitForSubscriptions(streams: readonly Stream[], detail: () => string): Promise<void> {
    let sequence = 0;
    const subscribed = async () => {
      await Promise.all(
        streams.map(({ topic, qos }) => this.publisher.publish(topic, payloadOf(topic, sequence), qos)),
      );
      sequence++;
      const topics = new Set(this.ledger.refresh().received.map(({ topic }) => topic));
      return streams.every(({ topic }) => topics.has(topic));
    };
    await waitFor(subscribed, { what: 'the subscriptions', intervalMs: 100, timeoutMs: 30_000, detail });
  }

  /** Publishes `perSecond` messages on each of the topics, until {@link stopFeeds}. */
  feed(streams: readonly Stream[], perSecond: number): void {
    const startedAt = performance.now();
    let sequence = FIRST_FED - 1;
    const timer = setInterval(() => {
      const until = FIRST_FED + Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
      while (sequence < until) {
        sequence++;
        for (const { topic, qos } of streams) this.publish(topic, sequence, qos).catch(unexpected);
      }
    }, 20);
    this.#feeds.push(timer);
  }

  /** Ends all feeds and waits until the broker has taken everything. */
  async stopFeeds(): Promise<void> {
    for (const timer of this.#feeds) clearInterval(timer);
    this.#feeds = [];
    await waitFor(() => this.publisher.openCount === 0, { what: 'the broker to take all messages', timeoutMs: 30_000 });
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
    for (const { connection, topic, payload, qos, dup, retain, afterRelease } of this.proxy.checker.deliveries) {
      const key = observedKey({ topic, payload: payload.toString('latin1', 0, 200), qos, dup, retain });
      count.set(key, (count.get(key) ?? 0) + 1);
      if (afterRelease) repeatedAfterRelease.add(key);
      const generation = 1 + this.#lastConnections.filter((last) => last < connection).length;
      const stream = streamOf({ generation, qos, topic });
      const numbers = streams.get(stream) ?? [];
      streams.set(stream, numbers);
      numbers.push(Number(key.split(' ')[1]));
    }
    return { count, repeatedAfterRelease, streams };
  }

  /** Waits until nothing is open between the process and the broker, and demands that no rule was broken. */
  async settle(timeoutMs = 30_000): Promise<void> {
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

  async stop(): Promise<void> {
    for (const timer of this.#feeds) clearInterval(timer);
    await this.observer.stop();
    await this.publisher.stop();
    await this.proxy.stop();
    await this.broker.remove();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

function payloadOf(topic: string, sequence: number): string {
  return `{"stream":"${topic}","seq":${sequence}}`;
}

function unexpected(error: Error): void {
  throw error;
}
