import * as assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { Mosquitto } from '../support/mosquitto';
import { Publisher } from '../support/observer';
import { waitFor } from '../support/wait';
import { ExampleRun, type FlowNode } from './example-run';

const TOPIC = 'ack/example';
const MESSAGES = 600;
const KILLS = 5;

interface Written {
  id: string;
  redelivered?: boolean;
}

/** What the button "count" shows. */
interface Counted {
  lines: number;
  readings: number;
  doubled: number;
  unexplained: number;
}

const IN = 'acknowledge-in';
const WRITE = 'acknowledge-write';
const ACKNOWLEDGED = 'acknowledge-acknowledged';
const NOT_WRITTEN = 'acknowledge-not-written-show';
const COUNT = 'acknowledge-count';
const RESULT = 'acknowledge-result';

describe('the example acknowledge-after-writing', function () {
  this.timeout(90_000);
  let broker: Mosquitto;
  let publisher: Publisher;
  let example: ExampleRun;

  beforeEach(async () => {
    broker = await Mosquitto.start();
    publisher = await Publisher.start({ port: broker.port });
  });
  afterEach(async () => {
    await example?.remove();
    await publisher?.stop();
    await broker?.remove();
  });

  async function start(change?: (node: FlowNode) => FlowNode): Promise<void> {
    example = await ExampleRun.start({
      name: 'acknowledge-after-writing',
      port: broker.port,
      ...(change === undefined ? {} : { change }),
    });
    await example.waitState(IN, 'connected');
    // Until the broker has granted the subscription it keeps nothing for it.
    await waitFor(
      async () => {
        await publisher.publish(TOPIC, '{"id":"first"}', 1);
        return (await written()).length > 0;
      },
      { what: 'the first line', intervalMs: 100, detail: () => example.logs },
    );
    // What was published before it is acknowledged before it.
    await publisher.publish(TOPIC, '{"id":"settled"}', 1);
    const isSettled = async () =>
      (await ids()).has('settled') && example.shown(ACKNOWLEDGED).length === (await written()).length;
    await waitFor(isSettled, { what: 'all acknowledged', detail: () => example.logs });
  }

  /** The whole lines of the file. */
  async function written(): Promise<Written[]> {
    const text = await fs.readFile(path.join(example.userDir, 'readings.jsonl'), 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    return text
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Written);
  }
  const ids = async () => new Set((await written()).map(({ id }) => id));

  it(`loses nothing when killed ${KILLS} times, and what is there twice says that it came again`, async () => {
    await start();
    const first = (await written()).length;
    let published = 0;
    const feed = async () => {
      for (let number = 1; number <= MESSAGES; number++) {
        await publisher.publish(TOPIC, JSON.stringify({ id: `reading ${number}` }), number % 2 === 0 ? 1 : 2);
        published = number;
      }
    };
    const fed = feed();
    for (let kill = 1; kill <= KILLS; kill++) {
      const lines = first + Math.floor((MESSAGES / (KILLS + 1)) * kill);
      await waitFor(async () => (await written()).length >= lines, {
        what: `${lines} lines before kill ${kill}`,
        timeoutMs: 30_000,
        detail: () => `${published} published\n${example.logs}`,
      });
      await example.kill();
      await example.restart();
    }
    await fed;
    await waitFor(async () => (await ids()).size === MESSAGES + 2, {
      what: 'every reading in the file',
      timeoutMs: 30_000,
      detail: () => example.logs,
    });
    const seen = new Set<string>();
    const repeated = (await written()).filter(({ id }) => {
      const isRepeated = seen.has(id);
      seen.add(id);
      return isRepeated && id !== 'first';
    });
    assert.deepEqual(
      repeated.filter(({ redelivered }) => redelivered !== true),
      [],
    );
    const { lines, readings } = await example.answer<Counted>(COUNT, RESULT);
    assert.deepEqual({ lines, readings }, { lines: (await written()).length, readings: seen.size });
  });

  it('writes again, marked as redelivered, what it had written and not acknowledged when it was killed', async () => {
    await start();
    const before = await written();
    const counted = await example.answer<Counted>(COUNT, RESULT);
    assert.equal(counted.lines, before.length);
    await example.deploy((node) => (node.id === WRITE ? { ...node, wires: [[]] } : node));
    await example.waitState(IN, 'connected');
    for (const id of ['a', 'b', 'c']) await publisher.publish(TOPIC, JSON.stringify({ id }), 1);
    await waitFor(async () => (await ids()).has('c'), { what: 'three lines', detail: () => example.logs });
    await example.kill();
    await example.restart();
    await waitFor(async () => (await written()).length === before.length + 6, {
      what: 'the three lines again',
      detail: () => example.logs,
    });
    assert.deepEqual(
      (await written()).slice(before.length).map(({ id, redelivered = false }) => ({ id, redelivered })),
      [false, true].flatMap((redelivered) => ['a', 'b', 'c'].map((id) => ({ id, redelivered }))),
    );
    // The first reading may have been sent several times, which no redelivery explains.
    const { doubled, unexplained } = await example.answer<Counted>(COUNT, RESULT);
    assert.deepEqual({ doubled, unexplained }, { doubled: counted.doubled + 3, unexplained: counted.unexplained });
  });

  it('acknowledges nothing that could not be written, and writes it as soon as that is possible', async () => {
    await start();
    const folder = path.join(example.userDir, 'later');
    const before = example.shown(ACKNOWLEDGED).length;
    await example.deploy((node) =>
      node.type === 'tab'
        ? { ...node, env: [{ name: 'READINGS_FILE', value: path.join(folder, 'readings.jsonl'), type: 'str' }] }
        : node,
    );
    await example.waitState(IN, 'connected');
    await publisher.publish(TOPIC, '{"id":"patient"}', 1);
    const [reason] = await example.waitShown<string>(NOT_WRITTEN, 1);
    assert.match(reason ?? '', /ENOENT/);
    // It is as good as not received: after a kill it comes again, and cannot be written either.
    await example.kill();
    await example.restart();
    const failed = example.shown(NOT_WRITTEN).length;
    await example.waitShown(NOT_WRITTEN, failed + 1);
    assert.equal(example.shown(ACKNOWLEDGED).length, before);
    await fs.mkdir(folder);
    await example.waitShown(ACKNOWLEDGED, before + 1);
    const text = await fs.readFile(path.join(folder, 'readings.jsonl'), 'utf8');
    const { id, redelivered } = JSON.parse(text) as Written;
    assert.deepEqual({ id, redelivered }, { id: 'patient', redelivered: true });
  });

  it('sends ten readings by its button, and counts them', async () => {
    await start();
    const { readings } = await example.answer<Counted>(COUNT, RESULT);
    await example.press('acknowledge-send');
    await waitFor(async () => (await ids()).size === readings + 10, { what: 'ten more readings' });
    await example.waitShown(ACKNOWLEDGED, (await written()).length);
    assert.equal((await example.answer<Counted>(COUNT, RESULT)).readings, readings + 10);
    assert.deepEqual(example.shown('acknowledge-failed-show'), []);
  });
});
