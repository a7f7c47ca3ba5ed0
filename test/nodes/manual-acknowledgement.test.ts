import assert from 'node:assert/strict';
import type { NodeMessage } from 'node-red';
import { sessionClaims } from '../../nodes/mqtt-persistent-broker/session-host';
import { acknowledge } from '../../src/admin/acknowledge';
import { Mosquitto } from '../support/mosquitto';
import { Publisher } from '../support/observer';
import { MqttProxy } from '../support/proxy';
import { waitFor } from '../support/wait';
import { catchNode, Flow, type FlowNode, helperNode, inNode, outNode, session, tab, temporaryDirectory } from './flow';

type Received = NodeMessage & { mqttAck?: unknown; redelivered?: boolean; qos?: number };

let tests = 0;

describe('an in node whose messages the flow acknowledges', function () {
  this.timeout(30_000);
  let mosquitto: Mosquitto;
  let proxy: MqttProxy;
  let publisher: Publisher;
  let flow: Flow | undefined;
  let clientid = '';

  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  beforeEach(async () => {
    clientid = `manual-flow-${++tests}`;
    proxy = await new MqttProxy({ brokerPort: mosquitto.port }).start();
    publisher = await Publisher.start({ port: mosquitto.port, clientId: `publisher-${clientid}` });
  });
  afterEach(async () => {
    await flow?.stop();
    flow = undefined;
    await publisher.stop();
    proxy.assertClean();
    await proxy.stop();
  });
  after(() => mosquitto.remove());

  const manual = { acknowledge: 'manual', qos: '2' };

  /** A manual in node `in`, another in node `other` on the same broker node, and where they lead to. */
  function nodes(protocolVersion: 4 | 5, directory: string, more: FlowNode[] = []): FlowNode[] {
    return [
      tab,
      ...session({ port: proxy.port, directory, clientid, protocolVersion }),
      inNode('in', `${clientid}/a`, 'received', manual),
      inNode('other', `${clientid}/b`, 'others'),
      helperNode('received'),
      helperNode('others'),
      ...more,
    ];
  }

  async function start(flowNodes: FlowNode[]): Promise<Flow> {
    flow = await Flow.start(flowNodes);
    await flow.statusState('in', 'connected');
    await waitFor(() => (proxy.counters.toClient.suback ?? 0) > 0, { what: 'SUBACK' });
    return flow;
  }

  const answers = () =>
    proxy.events.flatMap(({ direction, packet }) =>
      direction === 'toBroker' && (packet.cmd === 'puback' || packet.cmd === 'pubrec') ? [packet.identifier] : [],
    );
  const payloads = (messages: readonly NodeMessage[]) => messages.map(({ payload }) => payload);
  const acknowledged = (count: number) =>
    waitFor(() => answers().length >= count, { what: `${count} acknowledgements`, detail: () => proxy.recent(20) });

  /** What a message of another topic, acknowledged by itself, needs to pass: so long nothing was acknowledged. */
  async function nothingAcknowledged(running: Flow): Promise<void> {
    const { length } = running.received('others');
    await publisher.publish(`${clientid}/b`, 'passing', 1);
    await running.messages('others', length + 1);
    assert.deepEqual(answers(), []);
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`sends msg.mqttAck, and the acknowledgements go out in the order of receipt (version ${protocolVersion})`, async () => {
      const running = await start(nodes(protocolVersion, temporaryDirectory()));
      for (const [index, qos] of ([1, 1, 1] as const).entries())
        await publisher.publish(`${clientid}/a`, `m${index}`, qos);
      const received: Received[] = await running.messages('received', 3);
      const [first, second, third] = received.map(({ mqttAck }) => structuredClone(mqttAck)) as [
        unknown,
        unknown,
        unknown,
      ];
      acknowledge(third);
      acknowledge(second);
      await nothingAcknowledged(running);
      acknowledge(first);
      await acknowledged(4);
      const identifiers = proxy.events.flatMap(({ direction, packet }) =>
        direction === 'toClient' && packet.cmd === 'publish' ? [packet.identifier] : [],
      );
      assert.deepEqual(answers(), identifiers);
      assert.throws(() => acknowledge(first), { code: 'ERR_ACKNOWLEDGED' });
    });

    it(`gets what was not acknowledged again after its deploy, and nothing else (version ${protocolVersion})`, async () => {
      const flowNodes = nodes(protocolVersion, temporaryDirectory());
      const running = await start(flowNodes);
      for (const payload of ['1', '2', '3']) await publisher.publish(`${clientid}/a`, payload, 2);
      const received: Received[] = await running.messages('received', 3);
      acknowledge(received[1]?.mqttAck);
      const changed = flowNodes.map((node) => (node.id === 'in' ? { ...node, name: 'changed' } : node));
      await running.deploy(changed, 'nodes');
      await running.messages('received', 5);
      const again = received.slice(3);
      assert.deepEqual(payloads(again).map(Number), [1, 3]);
      assert.deepEqual(
        again.map(({ redelivered }) => redelivered),
        [true, true],
      );
      assert.throws(() => acknowledge(received[0]?.mqttAck), { code: 'ERR_ACKNOWLEDGEMENT_LATE' });
      await nothingAcknowledged(running);
      for (const { mqttAck } of again) acknowledge(mqttAck);
      await acknowledged(4);
      assert.equal(proxy.connectionCount, 1);
    });

    it(`gets it again after a deploy of everything, from the broker (version ${protocolVersion})`, async () => {
      const flowNodes = nodes(protocolVersion, temporaryDirectory());
      const running = await start(flowNodes);
      for (const payload of ['1', '2']) await publisher.publish(`${clientid}/a`, payload, 2);
      const received: Received[] = await running.messages('received', 2);
      acknowledge(received[1]?.mqttAck);
      await running.deploy(flowNodes, 'full');
      await running.messages('received', 3);
      assert.equal(proxy.connectionCount, 2);
      assert.deepEqual([Number(received[2]?.payload), received[2]?.redelivered], [1, true]);
      assert.throws(() => acknowledge(received[0]?.mqttAck), { code: 'ERR_ACKNOWLEDGEMENT_LATE' });
      acknowledge(received[2]?.mqttAck);
      await acknowledged(2);
      assert.equal(received.length, 3, 'what was acknowledged does not come again');
    });
  }

  it('is acknowledged by an admin node, which says why when it is not', async () => {
    const running = await start(
      nodes(4, temporaryDirectory(), [
        {
          id: 'admin',
          type: 'mqtt-session-admin',
          z: 'tab',
          x: 0,
          y: 0,
          broker: 'broker',
          action: 'ack',
          wires: [['answers']],
        },
        helperNode('answers'),
      ]),
    );
    await publisher.publish(`${clientid}/a`, '1', 2);
    const [received] = (await running.messages('received', 1)) as Received[];
    running.input('admin', { ...received });
    await acknowledged(1);
    running.input('admin', { ...received });
    running.input('admin', { payload: 'no message of ours' });
    const results = (await running.messages('answers', 3)).map(
      ({ payload }) => payload as { code: number; error?: { code: string } },
    );
    assert.deepEqual(
      results.map(({ code, error }) => [code, error?.code]),
      [
        [0, undefined],
        [-1, 'ERR_ACKNOWLEDGED'],
        [-1, 'ERR_ACKNOWLEDGEMENT'],
      ],
    );
  });

  it('that is disabled keeps its messages unacknowledged, and gets them again when it is back', async () => {
    const flowNodes = nodes(4, temporaryDirectory());
    const running = await start(flowNodes);
    await publisher.publish(`${clientid}/a`, '1', 1);
    const received: Received[] = await running.messages('received', 1);
    const disabled = flowNodes.map((node) => (node.id === 'in' ? { ...node, d: true } : node));
    await running.deploy(disabled, 'nodes');
    await nothingAcknowledged(running);
    assert.throws(() => acknowledge(received[0]?.mqttAck), { code: 'ERR_ACKNOWLEDGEMENT_LATE' });
    await running.deploy(flowNodes, 'nodes');
    await running.messages('received', 2);
    assert.equal(received[1]?.redelivered, true);
    acknowledge(received[1]?.mqttAck);
    await acknowledged(2);
  });

  it('that is deleted gives its messages up: nobody will acknowledge them', async () => {
    const flowNodes = nodes(4, temporaryDirectory());
    const running = await start(flowNodes);
    await publisher.publish(`${clientid}/a`, '1', 1);
    await running.messages('received', 1);
    await running.deploy(
      flowNodes.filter(({ id }) => id !== 'in'),
      'nodes',
    );
    await acknowledged(1);
  });

  /** The flow without node `in`, and what a deploy of that does to a message that it owes an acknowledgement for. */
  async function withoutIn(flowNodes: FlowNode[]): Promise<Flow> {
    const running = await start(flowNodes);
    await publisher.publish(`${clientid}/a`, '1', 2);
    await running.messages('received', 1);
    await running.deploy(
      flowNodes.filter(({ id }) => id !== 'in'),
      'nodes',
    );
    return running;
  }

  it('that is deleted gives its messages up also when another node has its topic, and a warning says so', async () => {
    const running = await withoutIn([
      ...nodes(4, temporaryDirectory()),
      inNode('second', `${clientid}/a`, 'seconds', { qos: '2' }),
      helperNode('seconds'),
    ]);
    await acknowledged(1);
    const text = 'shared.runtime.log.abandoned';
    assert.deepEqual(
      running.logged.filter((line) => line.text === text),
      [{ level: 'warn', id: 'broker', text }],
    );
    assert.equal(running.received('seconds').length, 1, 'nobody gets them twice');
  });

  it('that is deleted gives its messages up also when it was the only one', async () => {
    await withoutIn([
      ...nodes(4, temporaryDirectory()).filter(({ id }) => id !== 'other'),
      outNode('out', { topic: 'elsewhere' }),
    ]);
    await acknowledged(1);
  });

  it('that is disabled keeps its messages also when another node has its topic', async () => {
    const flowNodes = [
      ...nodes(4, temporaryDirectory()),
      inNode('second', `${clientid}/a`, 'seconds', { qos: '2' }),
      helperNode('seconds'),
    ];
    const running = await start(flowNodes);
    await publisher.publish(`${clientid}/a`, '1', 2);
    await running.messages('received', 1);
    const disabled = flowNodes.map((node) => (node.id === 'in' ? { ...node, d: true } : node));
    await running.deploy(disabled, 'nodes');
    await nothingAcknowledged(running);
    await running.deploy(flowNodes, 'nodes');
    const received: Received[] = await running.messages('received', 2);
    assert.equal(received[1]?.redelivered, true);
    acknowledge(received[1]?.mqttAck);
    await acknowledged(2);
  });

  it('that has another topic now gives up those of the earlier one also when another node has that', async () => {
    const flowNodes = [
      ...nodes(4, temporaryDirectory()),
      inNode('second', `${clientid}/a`, 'seconds', { qos: '2' }),
      helperNode('seconds'),
    ];
    const running = await start(flowNodes);
    await publisher.publish(`${clientid}/a`, '1', 2);
    const received: Received[] = await running.messages('received', 1);
    const changed = flowNodes.map((node) => (node.id === 'in' ? { ...node, topic: `${clientid}/c` } : node));
    await running.deploy(changed, 'nodes');
    await acknowledged(1);
    assert.equal(received.length, 1);
  });

  it('that is deployed to acknowledge by itself gets them once more, and they are acknowledged', async () => {
    const flowNodes = nodes(5, temporaryDirectory());
    const running = await start(flowNodes);
    await publisher.publish(`${clientid}/a`, '1', 1);
    const received: Received[] = await running.messages('received', 1);
    const changed = flowNodes.map((node) => (node.id === 'in' ? { ...node, acknowledge: 'auto' } : node));
    await running.deploy(changed, 'nodes');
    await running.messages('received', 2);
    await acknowledged(1);
    assert.deepEqual([received[1]?.redelivered, received[1]?.mqttAck], [true, undefined]);
  });

  it('shares a message with others: manual ones are waited for, automatic ones are not', async () => {
    const flowNodes = [
      ...nodes(5, temporaryDirectory()),
      inNode('second', `${clientid}/a`, 'seconds', manual),
      inNode('automatic', `${clientid}/a`, 'automatics', { qos: '2' }),
      helperNode('seconds'),
      helperNode('automatics'),
    ];
    const running = await start(flowNodes);
    await publisher.publish(`${clientid}/a`, '1', 2);
    const received: Received[] = await running.messages('received', 1);
    const seconds: Received[] = await running.messages('seconds', 1);
    const automatics: Received[] = await running.messages('automatics', 1);
    assert.equal(automatics[0]?.mqttAck, undefined);
    assert.notDeepEqual(received[0]?.mqttAck, seconds[0]?.mqttAck);
    acknowledge(received[0]?.mqttAck);
    await nothingAcknowledged(running);
    acknowledge(seconds[0]?.mqttAck);
    await acknowledged(2);
  });

  it('with dynamic subscriptions: unsubscribed, its messages can be acknowledged still', async () => {
    const flowNodes = [
      ...nodes(4, temporaryDirectory()),
      inNode('dynamic', '', 'dynamics', { inputs: 1, ...manual }),
      helperNode('dynamics'),
    ];
    const running = await start(flowNodes);
    running.input('dynamic', { action: 'subscribe', topic: `${clientid}/c` });
    await waitFor(() => (proxy.counters.toClient.suback ?? 0) > 1, { what: 'SUBACK' });
    for (const payload of ['1', '2']) await publisher.publish(`${clientid}/c`, payload, 1);
    const received: Received[] = await running.messages('dynamics', 2);
    acknowledge(received[0]?.mqttAck);
    await acknowledged(1);
    running.input('dynamic', { action: 'unsubscribe', topic: `${clientid}/c` });
    await waitFor(() => proxy.counters.toClient.unsuback === 1, { what: 'UNSUBACK' });
    acknowledge(received[1]?.mqttAck);
    await acknowledged(2);
  });

  it('is named in the log when its messages wait too long, also while it is disabled', async () => {
    const directory = temporaryDirectory();
    const flowNodes = nodes(4, directory);
    const running = await start(flowNodes);
    const client = sessionClaims.find(directory, clientid)?.client;
    const report = { count: 3, topic: 'plant/a', subscriber: 'in', receivedAt: Date.now() - 61_000, waitingMs: 61_000 };
    client?.emit('unacknowledged', { ...report, isSubscriberGone: false });
    // The test helper loads no texts, only their keys.
    assert.deepEqual(running.logged.at(-1), { level: 'warn', id: 'in', text: 'shared.runtime.log.unacknowledged' });
    const disabled = flowNodes.map((node) => (node.id === 'in' ? { ...node, d: true } : node));
    await running.deploy(disabled, 'nodes');
    client?.emit('unacknowledged', { ...report, isSubscriberGone: true });
    const gone = 'shared.runtime.log.unacknowledged-gone';
    assert.deepEqual(running.logged.at(-1), { level: 'warn', id: 'broker', text: gone });
    for (let times = 0; times < 3; times++) client?.emit('report', { kind: 'inbound-full', messages: 1_000, bytes: 5 });
    const full = running.logged.filter(({ text }) => text === 'shared.runtime.log.inbound-full');
    assert.deepEqual(full, [{ level: 'warn', id: 'broker', text: 'shared.runtime.log.inbound-full' }]);
  });

  it('has messages that cannot be decoded acknowledged by who catches the error', async () => {
    const flowNodes = [
      tab,
      ...session({ port: proxy.port, directory: temporaryDirectory(), clientid }),
      inNode('in', `${clientid}/a`, 'received', { ...manual, datatype: 'json' }),
      catchNode('catch', 'caught'),
      helperNode('received'),
      helperNode('caught'),
    ];
    const running = await start(flowNodes);
    await publisher.publish(`${clientid}/a`, '{no json', 1);
    const [caught] = (await running.messages('caught', 1)) as Received[];
    assert.equal(running.received('received').length, 0);
    assert.deepEqual(answers(), []);
    acknowledge(caught?.mqttAck);
    await acknowledged(1);
  });
});
