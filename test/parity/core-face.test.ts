// What other packages find at broker and in nodes: the same as at Node-RED's own.
import assert from 'node:assert/strict';
import type { MqttClient } from 'mqtt';
import type { Node } from 'node-red';
import { catchNode, type FlowNode, helperNode, tab } from '../nodes/flow';
import { MqttProxy } from '../support/proxy';
import { waitFor } from '../support/wait';
import { FrontDoor } from './front-door';
import { comparable, coreBroker, coreIn, coreOut, Stage } from './stage';
import { compare, type Row, type Scene } from './table';

type Options = Record<string, unknown> & { properties?: Record<string, unknown> };
type Packet = { cmd: string; topic: string; payload: Buffer; qos: number; retain: boolean; properties?: object };
type Handler = (topic: string, payload: Buffer, packet: Packet) => void;

/** The members of `mqtt-broker` that others use. */
interface BrokerNode extends Node {
  broker: string;
  port: unknown;
  brokerurl: string;
  options: Options;
  connected: boolean;
  connecting: boolean;
  client: MqttClient;
  users: Record<string, Node>;
  register(node: Node): void;
  deregister(node: Node, done: () => void, autoDisconnect?: boolean): void;
  subscribe(topic: string | object, options?: unknown, handler?: Handler, ref?: string): void;
  unsubscribe(topic: string, ref?: string, remove?: boolean): void;
  publish(msg: object, done?: (error?: Error) => void): void;
  connect(callback?: () => void): void;
  disconnect(callback?: () => void): void;
  setOptions(options: object): void;
  canConnect(): boolean;
  v5(): boolean;
}

const brokerOf = (stage: Stage) => stage.flow.node('broker') as unknown as BrokerNode;
const called = (call: (callback: (value?: unknown) => void) => void) =>
  new Promise<unknown>((resolve) => call(resolve));

let door: FrontDoor;

const SERVER_SHUTTING_DOWN = 0x8b;

const scene = (fields: Record<string, unknown> = {}): Omit<Scene, 'title' | 'rows'> => ({
  versions: [4, 5],
  options: { settings: { mqttReconnectTime: 100 }, credentials: { broker: { user: 'operator', password: 'secret' } } },
  async nodes(stage): Promise<FlowNode[]> {
    door = await FrontDoor.open(stage.mosquitto.port);
    return [
      tab,
      coreBroker(stage, {
        port: String(door.port),
        willTopic: 'life/will',
        willPayload: 'gone',
        willQos: '1',
        ...fields,
      }),
      // A package's own node: it registers itself.
      helperNode('foreign'),
      coreIn('in', 'barrier/#', 'got', { qos: '1', datatype: 'utf8' }),
      coreIn('dynamic', '', 'got', { inputs: 1 }),
      coreOut('out'),
      catchNode('catch', 'errors'),
      helperNode('got'),
      helperNode('errors'),
    ];
  },
  async ready(stage) {
    await stage.connected();
    await stage.subscribed('got');
  },
  done: () => door.close(),
});

/** Collects what a handler gets, in a form to compare. */
function collector(): { messages: unknown[]; handler: Handler } {
  const messages: unknown[] = [];
  const handler: Handler = (topic, payload, { cmd, qos, retain, properties }) => {
    messages.push(comparable({ topic, payload, cmd, qos, retain, properties: { ...properties } }));
  };
  return { messages, handler };
}

const row = (title: string, run: (broker: BrokerNode, stage: Stage) => Promise<unknown>): Row => ({
  title,
  run: (stage) => run(brokerOf(stage), stage),
});

compare({
  ...scene(),
  title: 'the broker node for other packages',
  rows: [
    row('properties', async (broker) => {
      const { broker: host, brokerurl, options, connected, connecting, client } = broker;
      // Core leaves 3.1.1 unsaid, which is MQTT.js' default.
      const { clean, clientId, keepalive, protocolVersion = 4, username, password, properties } = options;
      const { receiveMaximum: _receiveMaximum, ...others } = properties ?? {};
      const urls = {
        isUrl: brokerurl === `mqtt://127.0.0.1:${door.port}`,
        isPort: String(broker.port) === String(door.port),
      };
      const read = {
        host,
        clean,
        clientId,
        keepalive,
        protocolVersion,
        username,
        password,
        others,
        connected,
        connecting,
      };
      return { ...read, ...urls, hasPeriod: Number(options.reconnectPeriod) > 0, isClientConnected: client.connected };
    }),
    row('users', async (broker) => Object.keys(broker.users).sort()),
    row('canConnect and v5', async (broker) => [broker.canConnect(), broker.v5()]),
    row('properties of in nodes', async (_broker, stage) =>
      ['in', 'dynamic'].map((id) => {
        const { broker, topic, qos, datatype, isDynamic, inputs } = stage.flow.node(id) as never;
        return { broker, topic, qos, datatype, isDynamic, inputs };
      }),
    ),
    row('register shows the status', async (broker, stage) => {
      broker.register(stage.flow.node('foreign'));
      return Object.keys(broker.users).includes('foreign');
    }),
    row('subscribe, with options', async (broker, stage) => {
      const { messages, handler } = collector();
      broker.subscribe('face/#', { qos: 2 }, handler, 'foreign');
      await stage.outBarrier('out');
      await stage.publisher.publishAsync('face/a', 'one', { qos: 2, properties: { contentType: 'text/plain' } });
      await stage.inBarrier('got');
      return messages;
    }),
    row('subscribe, with a number and no ref', async (broker, stage) => {
      const { messages, handler } = collector();
      broker.subscribe('number/#', 1, handler);
      await stage.outBarrier('out');
      await stage.publisher.publishAsync('number/a', 'one', { qos: 2 });
      await stage.inBarrier('got');
      return messages;
    }),
    row('unsubscribe', async (broker, stage) => {
      const { messages, handler } = collector();
      broker.subscribe('gone/#', { qos: 1 }, handler, 'foreign');
      broker.unsubscribe('gone/#', 'foreign', true);
      await stage.outBarrier('out');
      await stage.publisher.publishAsync('gone/a', 'one', { qos: 2 });
      await stage.inBarrier('got');
      return { messages };
    }),
    row('a handler that throws', async (broker, stage) => {
      const { messages, handler } = collector();
      const failing: Handler = () => {
        throw new Error('not ours');
      };
      broker.subscribe('throws/a', { qos: 1 }, failing, 'failing');
      broker.subscribe('throws/#', { qos: 1 }, handler, 'foreign');
      await stage.outBarrier('out');
      await stage.publisher.publishAsync('throws/a', 'one', { qos: 1 });
      await stage.inBarrier('got');
      return messages.length > 0;
    }),
    row('publish', async (broker, stage) => {
      const error = await called((done) => broker.publish({ topic: 'published/a', payload: { a: 1 }, qos: 1 }, done));
      await stage.outBarrier('out');
      return { error: error ?? undefined, observed: stage.observedBelow('published') };
    }),
    row('client: publish and subscribe', async ({ client }, stage) => {
      const messages: unknown[] = [];
      client.on('message', (topic, payload) => {
        if (topic.startsWith('client/')) messages.push([topic, payload.toString()]);
      });
      const granted = await called((done) =>
        client.subscribe('client/#', { qos: 1 }, (error, list) =>
          done([error, list?.map(({ topic, qos }) => [topic, qos])]),
        ),
      );
      const published = await called((done) =>
        client.publish('client/a', Buffer.from('x'), { qos: 1, properties: { contentType: 'text/plain' } }, (error) =>
          done(error),
        ),
      );
      await stage.outBarrier('out');
      await stage.inBarrier('got');
      return { messages, granted, failed: Boolean(published), observed: stage.observedBelow('client') };
    }),
    row('client: unsubscribe', async ({ client }, stage) => {
      const messages: string[] = [];
      client.on('message', (topic) => messages.push(topic));
      await called((done) => client.unsubscribe('client/#', () => done()));
      await stage.outBarrier('out');
      await stage.publisher.publishAsync('client/b', 'x', { qos: 1 });
      await stage.inBarrier('got');
      return messages.filter((topic) => topic.startsWith('client/'));
    }),
    row('client: events when the connection is lost, and made again', async ({ client }, stage) => {
      const events: string[] = [];
      for (const event of ['close', 'offline', 'reconnect', 'connect'] as const) {
        client.on(event, () => events.push(event));
      }
      door.cut();
      await waitFor(() => events.includes('connect'), { what: 'another connection', detail: () => events.join() });
      await waitFor(() => stage.observedBelow('life').length === 1, { what: 'the will' });
      // Core's client tells of being offline before it tells of the end.
      return [...events].sort();
    }),
    row('client: events when the broker node disconnects', async (broker) => {
      const events: string[] = [];
      for (const event of ['close', 'offline', 'reconnect', 'end', 'connect'] as const) {
        broker.client.once(event, () => events.push(event));
      }
      await called((done) => broker.disconnect(done));
      await waitFor(() => events.includes('end'), { what: 'the end', detail: () => events.join() });
      const { disconnecting, connected } = broker.client;
      broker.client.removeAllListeners('connect').removeAllListeners('reconnect');
      await called((done) => broker.connect(done));
      return { events: events.sort(), disconnecting, connected };
    }),
    row('disconnect and connect', async (broker) => {
      await called((done) => broker.disconnect(done));
      const between = [broker.connected, broker.connecting, broker.client.connected];
      await called((done) => broker.connect(done));
      return { between, after: [broker.connected, broker.connecting] };
    }),
    row('setOptions counts from the next connect on', async (broker) => {
      broker.setOptions({ keepalive: 77, clientid: 'face' });
      const seen = [broker.options.keepalive, broker.options.clientId, broker.connected];
      await called((done) => broker.disconnect(done));
      await called((done) => broker.connect(done));
      return { seen, keepalive: door.connects.get('face')?.packet.keepalive };
    }),
    row('client: end(true) drops the connection without DISCONNECT', async (broker, stage) => {
      let isEnded = false;
      broker.client.once('end', () => {
        isEnded = true;
      });
      broker.client.end(true);
      await waitFor(() => stage.observedBelow('life').length === 2, { what: `${stage.implementation}: the will` });
      await waitFor(() => isEnded, { what: `${stage.implementation}: the event "end"` });
      return { observed: stage.observedBelow('life'), isConnected: broker.client.connected };
    }),
    row('deregister', async (broker, stage) => {
      await called((done) => broker.deregister(stage.flow.node('foreign'), done, true));
      return [Object.keys(broker.users).includes('foreign'), stage.statusesOf('foreign').at(-1)];
    }),
  ],
});

compare({
  ...scene(),
  title: 'the broker node for other packages, with no other nodes',
  async nodes(stage) {
    door = await FrontDoor.open(stage.mosquitto.port);
    return [tab, coreBroker(stage, { port: String(door.port) }), helperNode('foreign')];
  },
  ready: async () => undefined,
  rows: [
    row('the first to register connects', async (broker, stage) => {
      const before = [broker.connected, broker.connecting];
      broker.register(stage.flow.node('foreign'));
      await stage.connected();
      return before;
    }),
    row('the last one that leaves disconnects, if it says so', async (broker, stage) => {
      const foreign = stage.flow.node('foreign');
      await called((done) => broker.deregister(foreign, done, false));
      const kept = broker.connected;
      broker.register(foreign);
      await stage.connected();
      await called((done) => broker.deregister(foreign, done, true));
      return { kept, isConnected: broker.connected };
    }),
  ],
});

let counted: MqttProxy;

/** How often UNSUBSCRIBE is sent for one. */
async function unsubscribes(broker: BrokerNode, stage: Stage, remove?: boolean): Promise<number> {
  const before = counted.counters.toBroker.unsubscribe ?? 0;
  broker.subscribe(`kept/${remove}`, { qos: 1 }, () => undefined, 'foreign');
  await stage.outBarrier('out');
  broker.unsubscribe(`kept/${remove}`, 'foreign', remove);
  await stage.outBarrier('out');
  return (counted.counters.toBroker.unsubscribe ?? 0) - before;
}

compare({
  ...scene(),
  title: 'unsubscribe of other packages, with autoUnsubscribe off',
  async nodes(stage) {
    counted = await new MqttProxy({ brokerPort: stage.mosquitto.port }).start();
    return [tab, coreBroker(stage, { port: counted.port, autoUnsubscribe: false }), coreOut('out')];
  },
  ready: (stage) => stage.connected(),
  done: () => counted.stop(),
  rows: [
    row('stays with us', (broker, stage) => unsubscribes(broker, stage, false)),
    row('reaches the broker when told to remove', (broker, stage) => unsubscribes(broker, stage, true)),
    row('reaches the broker with autoUnsubscribe on', (broker, stage) => {
      broker.setOptions({ autoUnsubscribe: true });
      return unsubscribes(broker, stage);
    }),
  ],
});

compare({
  ...scene(),
  title: 'a DISCONNECT of the broker',
  versions: [5],
  rows: [
    row('is told with its reason, and logged', async (broker, stage) => {
      const reasons: unknown[] = [];
      broker.client.on('disconnect', (packet) => reasons.push([packet.cmd, packet.reasonCode]));
      door.disconnectClients(SERVER_SHUTTING_DOWN);
      await waitFor(() => reasons.length > 0, {
        what: `${stage.implementation}: DISCONNECT`,
        detail: () => JSON.stringify(stage.logKeys),
      });
      await stage.connected();
      const key = 'mqtt.state.broker-disconnected';
      return { reasons, logged: stage.logKeys.filter(({ id, key: own }) => id === 'broker' && own === key).length };
    }),
  ],
});

compare({
  ...scene({ autoConnect: true }),
  title: 'the broker node for other packages, while the flow is loaded',
  ready: async () => undefined,
  rows: [row('connecting', async (broker) => [broker.connected || broker.connecting, typeof broker.client.on])],
});

describe('the broker node for other packages, beyond core', () => {
  let running: Stage | undefined;
  afterEach(async () => {
    await running?.stop();
    await door.close();
  });

  it('stores what is published while not connected, and has one client for its life', async () => {
    const { nodes, options } = scene({ autoConnect: false });
    const stage = await Stage.start('ours', nodes, { ...options, version: 5 });
    running = stage;
    const broker = brokerOf(stage);
    const { client } = broker;
    await called((done) => broker.publish({ topic: 'kept/a', payload: 'x', qos: 1 }, done));
    await called((done) => client.publish('kept/b', 'y', { qos: 2 }, (error) => done(error)));
    assert.equal(broker.connected, false);
    await called((done) => broker.connect(done));
    await stage.outBarrier('out');
    assert.deepEqual(
      stage.observedBelow('kept').map((packet) => (packet as Packet).topic),
      ['kept/a', 'kept/b'],
    );
    await called((done) => broker.disconnect(done));
    broker.setOptions({ clientid: 'another' });
    await called((done) => broker.connect(done));
    assert.equal(broker.client, client);
    assert.equal(client.connected, true);
  });

  it('survives callbacks and listeners that throw or reject', async () => {
    const { nodes, options, ready } = scene();
    const stage = await Stage.start('ours', nodes, { ...options, version: 4 });
    running = stage;
    await ready(stage);
    const broker = brokerOf(stage);
    const fail = () => {
      throw new Error('not ours');
    };
    broker.client.on('message', fail);
    broker.client.on('close', async () => fail());
    broker.publish({ topic: 'fails/a', payload: 'x', qos: 1 }, fail);
    broker.client.publish('fails/b', 'x', { qos: 1 }, fail);
    broker.subscribe('fails/#', { qos: 1 }, async () => fail(), 'failing');
    await stage.inBarrier('got');
    await called((done) => broker.disconnect(done));
    await called((done) => broker.connect(done));
    await stage.inBarrier('got');
    const { flow } = stage;
    await waitFor(() => flow.caught('errors').length > 0 || flow.logged.length > 0, { what: 'a report' });
    const refused = await called((done) =>
      broker.client.subscribe('not/#/possible', { qos: 1 }, (error) => done(error)),
    );
    assert.equal((refused as { code?: string }).code, 'ERR_FILTER');
    broker.publish({ topic: 'not/#/possible', payload: 'x' });
    await waitFor(() => flow.caught('errors').some(({ error }) => error.code === 'ERR_TOPIC'), { what: 'the error' });
  });
});
