import * as assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import { ExampleRun } from './example-run';

const BUTTON = 2_000;
const BACKLOG_BYTES = 1024 * 1024;
const SHARE = 'gateway-share-show';

describe('the example limited-backlog-gateway', function () {
  this.timeout(90_000);
  let broker: Mosquitto;
  let observer: Observer;
  let example: ExampleRun;

  before(async () => {
    broker = await Mosquitto.start();
    observer = await Observer.start({ port: broker.port, filter: 'gateway/#' });
    example = await ExampleRun.start({
      name: 'limited-backlog-gateway',
      port: broker.port,
      // Live values expire after a second, so that the test need not wait for a minute.
      change: (node) => (node.id === 'gateway-live-value' ? { ...node, expiry: '1' } : node),
    });
    await waitForState('connected');
  });
  after(async () => {
    await example?.remove();
    await observer?.stop();
    await broker?.remove();
  });

  async function waitForState(state: string): Promise<void> {
    for (const id of ['gateway-measurement', 'gateway-live-value', 'gateway-event-out'])
      await example.waitState(id, state);
  }

  async function down(): Promise<void> {
    await example.press('gateway-down');
    await waitForState('disconnected');
  }

  async function up(): Promise<void> {
    await example.press('gateway-up');
    await waitForState('connected');
  }

  /** How full the two backlogs are, 0 to 1. */
  async function shares(): Promise<number[]> {
    const { length } = example.shown(SHARE);
    await example.press('gateway-info');
    return (await example.waitShown<number>(SHARE, length + 2)).slice(length);
  }

  const numbersOn = (topic: string): number[] =>
    observer.on(topic).flatMap(({ payload }) => (JSON.parse(payload) as { number?: number }).number ?? []);

  it('sends what its buttons make', async () => {
    for (const button of ['measure', 'live', 'event']) await example.press(`gateway-${button}`);
    await observer.waitForAll(['{"power":21.5}', '{"door":"open"}']);
    await waitFor(() => observer.on('gateway/live').length === 1, { what: 'the live value' });
    const qos = Object.fromEntries(observer.messages.map((message) => [message.topic, message.qos]));
    assert.deepEqual(qos, { 'gateway/power': 1, 'gateway/live': 0, 'gateway/events': 2 });
  });

  it('gives up live values that are too old when the line is up again, and says so', async () => {
    await down();
    await example.press('gateway-live');
    await example.waitState('gateway-live-value', 'disconnected', 1);
    // Its second must be over.
    await sleep(1_500);
    await up();
    const [text] = await example.waitShown<string>('gateway-expired', 1);
    assert.match(text ?? '', /gateway\/live/);
    assert.equal(observer.on('gateway/live').length, 1);
  });

  it('with the line down fills both backlogs, drops the oldest of one and refuses for the other, and says so', async () => {
    await down();
    await example.press('gateway-measure-many');
    await example.press('gateway-event-many');
    for (const id of ['gateway-measurements', 'gateway-events']) {
      await example.waitStatus(id, ({ text }) => text === `${BUTTON} of ${BUTTON}`, 'all messages made');
    }
    await example.waitShown('gateway-dropped', 1);
    await example.waitShown('gateway-full', 1);
    await example.waitShown('gateway-backlog', 1);
    const full = async () => (await shares()).every((share) => share > 0.99 && share <= 1);
    await waitFor(full, { what: 'both backlogs full', detail: () => example.logs });
    assert.ok(example.shown('gateway-dropped').length < 10, 'one alarm in ten seconds');
    assert.deepEqual(example.shown('gateway-other'), []);
  });

  it('with the line up sends the newest measurements and the oldest events, in order', async () => {
    await up();
    const empty = async () => (await shares()).every((share) => share === 0);
    await waitFor(empty, { what: 'both backlogs empty', timeoutMs: 20_000, detail: () => example.logs });
    await waitFor(() => numbersOn('gateway/power').includes(BUTTON), { what: 'the newest measurement' });
    const power = numbersOn('gateway/power');
    const events = numbersOn('gateway/events');
    // The backlog is bounded by bytes; a message takes about a KiB.
    for (const { length } of [power, events]) assert.ok(length > 900 && length * 1_000 < BACKLOG_BYTES, `${length}`);
    assert.deepEqual(
      power,
      power.toSorted((one, other) => one - other),
    );
    assert.equal(power.at(-1), BUTTON);
    assert.ok(power[0]! > 1, 'the oldest were dropped');
    assert.deepEqual(events, range(1, events.length));
  });
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
