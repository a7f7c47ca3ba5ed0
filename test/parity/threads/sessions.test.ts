// What users of Node-RED's own MQTT nodes asked for, by the number of the thread in node-red/node-red.
import assert from 'node:assert/strict';
import {
  catchNode,
  completeNode,
  Flow,
  type FlowNode,
  helperNode,
  inNode,
  outNode,
  session,
  tab,
  temporaryDirectory,
} from '../../nodes/flow';
import { Mosquitto } from '../../support/mosquitto';
import { Observer, Publisher } from '../../support/observer';
import { waitFor } from '../../support/wait';

describe('threads about sessions and connections', function () {
  this.timeout(20_000);
  let mosquitto: Mosquitto;
  let observer: Observer;
  let publisher: Publisher;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
    observer = await Observer.start({ port: mosquitto.port });
    publisher = await Publisher.start({ port: mosquitto.port });
  });
  afterEach(async () => {
    await flow?.stop();
    flow = undefined;
  });
  after(async () => {
    await observer.stop();
    await publisher.stop();
    await mosquitto.remove();
  });

  const payloads = (running: Flow) => running.received('got').map(({ payload }) => payload);
  const subscriber = (clientid: string, more: Record<string, unknown> = {}): FlowNode[] => [
    tab,
    ...session({ port: mosquitto.port, directory: temporaryDirectory(), clientid, ...more }),
    inNode('in', `${clientid}/#`, 'got', { datatype: 'utf8' }),
    helperNode('got'),
  ];

  /** Until the broker has granted the subscription it keeps nothing for it. */
  async function subscribed(running: Flow, topic: string): Promise<void> {
    await waitFor(
      async () => {
        await publisher.publish(topic, 'probe');
        return payloads(running).includes('probe');
      },
      { what: 'the subscription', intervalMs: 20 },
    );
    // All probes have come: those after the first as well.
    await publisher.publish(topic, 'last probe');
    await waitFor(() => payloads(running).includes('last probe'), { what: 'the last probe' });
    running.received('got').length = 0;
  }

  for (const protocolVersion of [4, 5]) {
    const title = `MQTT ${protocolVersion === 5 ? '5' : '3.1.1'}`;

    it(`3452, 3838: a session outlives a restart, and the broker keeps it, ${title}`, async () => {
      const nodes = subscriber(`restart-${protocolVersion}`, { protocolVersion, sessionExpiry: '3600' });
      flow = await Flow.start(nodes);
      await flow.statusState('in', 'connected');
      await subscribed(flow, `restart-${protocolVersion}/x`);
      await flow.stop();
      for (const payload of ['1', '2', '3']) await publisher.publish(`restart-${protocolVersion}/x`, payload);
      flow = await Flow.start(nodes);
      await flow.messages('got', 3);
      assert.deepEqual(payloads(flow), ['1', '2', '3']);
    });

    it(`1972: a session outlives that its only subscriber is disabled for a while, ${title}`, async () => {
      const nodes = subscriber(`disabled-${protocolVersion}`, { protocolVersion });
      flow = await Flow.start(nodes);
      await flow.statusState('in', 'connected');
      await subscribed(flow, `disabled-${protocolVersion}/x`);
      await flow.deploy(
        nodes.map((node) => (node.id === 'in' ? { ...node, d: true } : node)),
        'full',
      );
      for (const payload of ['1', '2', '3']) await publisher.publish(`disabled-${protocolVersion}/x`, payload);
      await flow.deploy(nodes, 'full');
      await flow.messages('got', 3);
      assert.deepEqual(payloads(flow), ['1', '2', '3']);
    });
  }

  const sender = (clientid: string): FlowNode[] => [
    tab,
    ...session({ port: mosquitto.port, directory: temporaryDirectory(), clientid }),
    outNode('out', { topic: clientid, qos: '1' }),
    completeNode('complete', 'done', ['out']),
    catchNode('catch', 'errors', ['out']),
    helperNode('done'),
    helperNode('errors'),
  ];

  it('3927: deploys of the only node of a broker node, one after another, leave it connected', async () => {
    const nodes = sender('partial');
    flow = await Flow.start(nodes);
    for (let number = 1; number <= 5; number++) {
      await flow.deploy(
        nodes.map((node) => (node.id === 'out' ? { ...node, name: `change ${number}` } : node)),
        'nodes',
      );
      flow.input('out', { payload: number });
    }
    await waitFor(() => observer.on('partial').length >= 5, {
      what: 'all messages',
      detail: () => JSON.stringify(flow?.statuses),
    });
    await waitFor(() => flow?.status('out')?.text === 'node-red:common.status.connected', { what: 'the status' });
  });

  it('5095: forced connect actions, one upon another, end connected', async () => {
    flow = await Flow.start(sender('forced'));
    await flow.statusState('out', 'connected');
    for (const keepalive of [21, 22, 23]) flow.input('out', { action: 'connect', broker: { keepalive, force: true } });
    const answers = () => flow!.received('done').length + flow!.received('errors').length;
    await waitFor(() => answers() === 3, { what: 'an answer to each' });
    flow.input('out', { payload: 'through' });
    await waitFor(() => observer.on('forced').length === 1, {
      what: 'the message',
      detail: () => JSON.stringify(flow?.statuses),
    });
    await flow.statusState('out', 'connected');
  });

  it('2864, 1079: what is published before the first connection, or without one, is not lost', async () => {
    const away = await Mosquitto.start();
    const arrived = await Observer.start({ port: away.port, filter: 'early' });
    await away.stop();
    try {
      const nodes = sender('early').map((node) => (node.id === 'broker' ? { ...node, port: away.port } : node));
      flow = await Flow.start(nodes);
      for (let number = 1; number <= 20; number++) flow.input('out', { payload: number });
      await flow.messages('done', 20);
      await away.start();
      await waitFor(() => arrived.messages.length >= 20, { what: 'all messages', timeoutMs: 15_000 });
      assert.deepEqual(
        arrived.messages.map(({ payload }) => Number(payload)),
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
    } finally {
      await arrived.stop();
      await flow?.stop();
      flow = undefined;
      await away.remove();
    }
  });

  it('msg-queue 5: a queue drains no faster than the broker node says', async () => {
    const RATE = 20;
    const COUNT = 30;
    const nodes = sender('drain').map((node) =>
      node.id === 'broker' ? { ...node, autoConnect: false, maxSendRate: String(RATE) } : node,
    );
    flow = await Flow.start(nodes);
    for (let number = 0; number < COUNT; number++) flow.input('out', { payload: number });
    await flow.messages('done', COUNT);
    const startedAt = performance.now();
    flow.input('out', { action: 'connect' });
    await waitFor(() => observer.on('drain').length >= COUNT, { what: 'the whole queue' });
    const seconds = (performance.now() - startedAt) / 1000;
    // A tenth of a second may be sent at once; a slow machine only takes longer.
    assert.ok(seconds >= (COUNT - 1 - RATE / 10) / RATE, `${COUNT} messages took ${seconds} s`);
    assert.deepEqual(
      observer.on('drain').map(({ payload }) => Number(payload)),
      Array.from({ length: COUNT }, (_, number) => number),
    );
  });
});
