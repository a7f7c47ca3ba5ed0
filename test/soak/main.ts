/**
 * npm run soak -- --minutes N [--seed S] [--rate 1000]
 *
 * A process with the library publishes and receives, QoS 1 and 2 mixed, in MQTT 3.1.1 and 5, `rate` messages a second
 * together, while the network is cut and the broker (Mosquitto) restarted at random times. At the end nothing may be
 * lost, nothing doubled at QoS 2, no rule of MQTT broken; and the memory, file descriptors, timers and files of the
 * process must have stayed level (see judgement.ts). On a slow machine fewer messages go through: that is reported and
 * not judged.
 *
 * The seed fixes the disturbances, not what the process is doing then. Prints a line of JSON. Exit codes: 0 held, 1 not,
 * 2 wrong arguments.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { observedKey } from '../crash/harness/judgement';
import { Random } from '../crash/harness/random';
import { findMosquitto, Mosquitto } from '../support/mosquitto';
import { Publisher } from '../support/observer';
import { provenance } from '../support/provenance';
import { MqttProxy } from '../support/proxy';
import { RuleChecker } from '../support/rules';
import { waitFor } from '../support/wait';
import { CountingObserver } from './counting-observer';
import { Disturbances } from './disturbances';
import { judgeUsage } from './judgement';
import type { Sample, Usage } from './protocol';
import { SoakedProcess } from './soaked-process';
import { INBOUND, OUTBOUND, Pace, payloadOf } from './streams';

/** So many samples, at least one a second apart. */
const SAMPLES = 600;
const TICK_MS = 20;
/** Above it the publisher waits for the broker. */
const OPEN_MAX = 1_000;
const DRAIN_TIMEOUT_MS = 180_000;
const DELIVERIES_MAX = 200_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    rate: { type: 'string', default: '1000' },
  },
});

interface Outcome {
  /** What did not hold, each a sentence. */
  failures: string[];
  figures: Record<string, unknown>;
}

async function soak(minutes: number, rate: number, seed: number): Promise<Outcome> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'soak-'));
  const broker = await Mosquitto.start();
  const checker = new RuleChecker({ maxDeliveries: DELIVERIES_MAX });
  const proxy = await new MqttProxy({ brokerPort: broker.port, checker, maxEvents: 200 }).start();
  const observer = await CountingObserver.start(broker.port);
  const publisher = await Publisher.start({ port: broker.port, protocolVersion: 5 });
  const perSecond = rate / (OUTBOUND.length + INBOUND.length);
  const soaked = new SoakedProcess({ storePath: path.join(directory, 'sessions'), url: proxy.url, perSecond });
  try {
    await soaked.whenOpen();
    const feed = new Feed(publisher, perSecond);
    await subscribed(soaked, proxy);
    const startedAt = performance.now();
    feed.start();
    const disturbances = new Disturbances(broker, proxy, new Random(seed));
    const usages: Usage[] = [];
    const repeats = new Repeats(checker);
    const milliseconds = minutes * 60_000;
    const intervalMs = Math.max(1_000, milliseconds / SAMPLES);
    for (let at = intervalMs; at <= milliseconds; at += intervalMs) {
      await sleep(Math.max(0, at - (performance.now() - startedAt)));
      const sample = await soaked.sample();
      usages.push(sample.usage);
      repeats.take(sample);
      if (sample.errors.length > 0 || checker.violations.length > 0) break;
    }
    const seconds = (performance.now() - startedAt) / 1000;
    await disturbances.stop();
    feed.stop();
    await soaked.stopTraffic();
    const last = await drained(soaked, observer, feed, publisher, repeats);
    await waitFor(() => checker.violations.length > 0 || checker.unsettled().length === 0, {
      what: 'a settled link',
      timeoutMs: 30_000,
      detail: () => checker.unsettled().join('\n'),
    });
    await soaked.close();
    const usage = judgeUsage(usages);
    const out = sum(last.published);
    const inbound = sum(feed.published);
    const lostOut = observer.missing(last.published);
    const lostIn = sum(feed.published) - Object.values(last.received).reduce((all, { through }) => all + through, 0);
    const late = [...observer.counts.values()].reduce((all, count) => all + count.late, 0);
    const failures = [
      ...usage.leaks,
      ...last.errors,
      ...checker.violations.map(({ rule, message }) => `rule broken: ${rule}: ${message}`),
      ...(lostOut > 0 ? [`${lostOut} of ${out} published messages did not reach the observer`] : []),
      ...(lostIn > 0 ? [`${lostIn} of ${inbound} messages were not handed over`] : []),
      ...(late > 0 ? [`${late} messages came out of order to the observer`] : []),
      ...observer.doubledQoS2.map((key) => `QoS 2 twice at the observer: ${key}`),
      ...repeats.unexplained().map((key) => `QoS 2 handed over twice: ${key}`),
      ...(observer.sessionsLost > 0 ? ['the broker lost the session of the observer: nothing can be concluded'] : []),
      ...(publisher.sessionsLost > 0 ? ['the broker lost the session of the publisher: nothing can be concluded'] : []),
    ];
    return {
      failures,
      figures: {
        minutes,
        seed,
        messagesOut: out,
        messagesIn: inbound,
        messagesPerSecond: Math.round((out + inbound) / seconds),
        lost: lostOut + lostIn,
        doubledQoS2: observer.doubledQoS2.length + repeats.unexplained().length,
        repeatedQoS1: observer.repeatedQoS1 + last.repeatedQoS1,
        repeatedByBroker: observer.brokerRepeats + repeats.explained,
        ruleViolations: checker.violations.length,
        ...disturbances.counts,
        connections: last.connections,
        samples: usages.length,
        rise: usage.rise,
        highest: usage.highest,
      },
    };
  } finally {
    soaked.kill();
    await publisher.stop();
    await observer.stop();
    await proxy.stop();
    await broker.remove();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/** The inbound messages, published behind the back of the process. */
class Feed {
  /** By topic the number of the last one. */
  readonly published = Object.fromEntries(INBOUND.map(({ topic }) => [topic, 0]));
  readonly #publisher: Publisher;
  readonly #perSecond: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(publisher: Publisher, perSecond: number) {
    this.#publisher = publisher;
    this.#perSecond = perSecond;
  }

  start(): void {
    const streams = INBOUND.map((stream) => ({ ...stream, pace: new Pace(this.#perSecond) }));
    this.#timer = setInterval(() => {
      for (const { topic, qos, pace } of streams) {
        const due = pace.due();
        if (this.#publisher.openCount > OPEN_MAX) continue;
        for (let count = 0; count < due; count++) this.#publish(topic, qos);
      }
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #publish(topic: string, qos: 1 | 2): void {
    const number = (this.published[topic] ?? 0) + 1;
    this.published[topic] = number;
    this.#publisher.publish(topic, payloadOf(topic, number), qos).catch((error: Error) => {
      throw error;
    });
  }
}

/**
 * QoS 2 messages that the process was handed a second time. It may be so only for those that the broker sent again
 * although they were released (see Delivery.afterRelease of the rules).
 */
class Repeats {
  explained = 0;
  readonly #byBroker = new Set<string>();
  readonly #open = new Set<string>();
  readonly #checker: RuleChecker;

  constructor(checker: RuleChecker) {
    this.#checker = checker;
  }

  take({ repeatedQoS2 }: Sample): void {
    for (const { topic, payload, qos, dup, retain, afterRelease } of this.#checker.deliveries.splice(0)) {
      if (!afterRelease) continue;
      this.#byBroker.add(observedKey({ topic, payload: payload.toString('latin1'), qos, dup, retain }));
    }
    for (const key of repeatedQoS2) this.#open.add(key);
    for (const key of this.#open) {
      if (!this.#byBroker.has(key)) continue;
      this.#open.delete(key);
      this.explained++;
    }
  }

  unexplained(): string[] {
    return [...this.#open];
  }
}

/** Waits until the broker has the subscriptions of both clients. */
async function subscribed(soaked: SoakedProcess, proxy: MqttProxy): Promise<void> {
  await waitFor(() => (proxy.counters.toClient.suback ?? 0) >= 2, {
    what: 'the subscriptions',
    timeoutMs: 30_000,
    detail: () => proxy.recent(),
  });
  await soaked.sample();
}

/** Waits until all that was published has arrived, on both sides. It may take long where the machine is slow. */
async function drained(
  soaked: SoakedProcess,
  observer: CountingObserver,
  feed: Feed,
  publisher: Publisher,
  repeats: Repeats,
): Promise<Sample> {
  let sample = await soaked.sample();
  repeats.take(sample);
  const arrived = async () => {
    sample = await soaked.sample();
    repeats.take(sample);
    const { received, published, errors, backlog } = sample;
    const inbound = Object.entries(feed.published).every(([topic, last]) => received[topic]?.through === last);
    const empty = backlog === 0 && publisher.openCount === 0;
    return errors.length > 0 || (empty && inbound && observer.missing(published) === 0);
  };
  const detail = () =>
    `at the observer missing: ${observer.missing(sample.published)}; backlog: ${sample.backlog}, connected: ` +
    `${sample.connected}; published: ${JSON.stringify(feed.published)}, handed over: ${JSON.stringify(sample.received)}`;
  await waitFor(arrived, { what: 'all messages', timeoutMs: DRAIN_TIMEOUT_MS, intervalMs: 500, detail });
  return sample;
}

function sum(values: Record<string, number>): number {
  return Object.values(values).reduce((all, value) => all + value, 0);
}

async function main(): Promise<number> {
  const minutes = Number(values.minutes);
  const rate = Number(values.rate);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
  if (![minutes, rate, seed].every(Number.isFinite) || minutes < 1 || rate < 8) {
    console.error('--minutes (1 or more), --rate (8 or more) and --seed are numbers');
    return 2;
  }
  if (findMosquitto() === undefined) {
    console.error('mosquitto not found: install it, or name it in the variable MOSQUITTO');
    return 2;
  }
  console.error(`Soaking for ${minutes} min at ${rate} messages/s, seed ${seed} ...`);
  const { failures, figures } = await soak(minutes, rate, seed);
  for (const failure of failures) console.error(`NOT HELD: ${failure}`);
  console.log(JSON.stringify({ soak: failures.length === 0 ? 'held' : 'not held', ...figures, ...provenance() }));
  return failures.length === 0 ? 0 : 1;
}

void main().then(
  (exitCode) => process.exit(exitCode),
  (error: Error) => {
    console.error(error.stack);
    process.exit(1);
  },
);
