// The life of a connection: statuses, log keys, birth, close and will messages, and the actions that rule it.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { catchNode, completeNode, type FlowNode, helperNode, tab, temporaryDirectory } from '../nodes/flow';
import { createCertificates } from '../support/mosquitto/certificates';
import { waitFor } from '../support/wait';
import { FrontDoor } from './front-door';
import { coreBroker, coreIn, coreOut, type Stage } from './stage';
import { compare, type Row } from './table';

const special = (kind: string, qos: string, retain: string) => ({
  [`${kind}Topic`]: `life/${kind}`,
  [`${kind}Payload`]: `{"${kind}":1}`,
  [`${kind}Qos`]: qos,
  [`${kind}Retain`]: retain,
  [`${kind}Msg`]: {
    contentType: 'application/json',
    respTopic: 'answers',
    correl: 'abc',
    expiry: '600',
    userProps: '{"a":"1","b":2}',
  },
});

let door: FrontDoor;

const nodes = (fields: Record<string, unknown>) => {
  return async (stage: Stage): Promise<FlowNode[]> => {
    door = await FrontDoor.open(stage.mosquitto.port);
    return [
      tab,
      coreBroker(stage, { port: door.port, ...fields }),
      coreIn('in', 'barrier/#', 'got'),
      coreIn('dynamic', '', 'got', { inputs: 1 }),
      helperNode('got'),
      coreOut('out'),
      completeNode('complete', 'completed', ['out', 'dynamic']),
      catchNode('catch', 'errors', ['out', 'dynamic']),
      helperNode('completed'),
      helperNode('errors'),
    ];
  };
};

const common = {
  options: { settings: { mqttReconnectTime: 100 } },
  ready: (stage: Stage) => stage.connected(),
  done: () => door.close(),
};

/** Sends an action and waits for what becomes of it. */
async function act(stage: Stage, id: string, msg: Record<string, unknown>): Promise<'completed' | 'caught'> {
  const { flow } = stage;
  const row = `${msg.action} ${flow.received('completed').length + flow.received('errors').length}`;
  const isOf = (received: unknown) => (received as { row?: string }).row === row;
  flow.input(id, { ...msg, row });
  const answer = () =>
    flow.received('completed').some(isOf) ? 'completed' : flow.received('errors').some(isOf) ? 'caught' : undefined;
  return waitFor(answer, {
    what: `${stage.implementation}: the action ${row}`,
    detail: () => JSON.stringify(flow.statuses),
  });
}

const shows = (stage: Stage, text: string) =>
  waitFor(() => String(stage.flow.status('in')?.text).endsWith(text), {
    what: `${stage.implementation}: the status ${text}`,
    detail: () => JSON.stringify(stage.flow.statuses),
  });

const observes = (stage: Stage, topic: string, count: number) =>
  waitFor(() => stage.observedBelow(topic).length >= count, {
    what: `${stage.implementation}: ${count} messages to ${topic}`,
    detail: () => JSON.stringify(stage.observed),
  });

compare({
  ...common,
  title: 'birth, close and will',
  versions: [4, 5],
  nodes: nodes({
    ...special('birth', '1', 'true'),
    ...special('close', '2', 'false'),
    ...special('will', '0', 'true'),
  }),
  rows: [
    {
      title: 'birth, at connect',
      async run(stage) {
        await observes(stage, 'life/birth', 1);
        return stage.observedBelow('life');
      },
    },
    {
      title: 'close, before a disconnect on request',
      async run(stage) {
        await act(stage, 'out', { action: 'disconnect' });
        await observes(stage, 'life/close', 1);
        return stage.observedBelow('life');
      },
    },
    {
      title: 'birth, at every connect',
      async run(stage) {
        await act(stage, 'out', { action: 'connect' });
        await observes(stage, 'life/birth', 2);
        return stage.observedBelow('life');
      },
    },
    {
      title: 'will, when the connection is lost, and birth at the next one',
      async run(stage) {
        door.cut();
        await observes(stage, 'life/will', 1);
        await observes(stage, 'life/birth', 3);
        return stage.observedBelow('life');
      },
    },
  ],
});

/** Keys of core that the broker node logged, without repetitions. Ours says why behind the text. */
function logKeys(stage: Stage): string[] {
  const own = stage.logKeys.filter(({ id, key }) => id === 'broker' && key.startsWith('mqtt.'));
  const keys = own.map(({ key }) => key.replace(/ .*/, ''));
  return keys.filter((key, index) => key !== keys[index - 1]);
}

compare({
  ...common,
  title: 'statuses and log keys',
  versions: [3, 4, 5],
  nodes: nodes({}),
  rows: [
    {
      title: 'from the start to the connection',
      async run(stage) {
        await shows(stage, 'common.status.connected');
        return ['in', 'dynamic', 'out'].map((id) => stage.statusesOf(id).at(-1));
      },
    },
    {
      title: 'when the connection is lost, and made again',
      async run(stage) {
        const from = stage.statusesOf('in').length;
        const arrivals = door.counts.get('parity') ?? 0;
        door.cut();
        await waitFor(() => (door.counts.get('parity') ?? 0) > arrivals, { what: 'another connection' });
        await shows(stage, 'common.status.connected');
        // Statuses are shown twice a second at most: a short `connecting` may not be among them.
        const statuses = stage
          .statusesOf('in')
          .slice(from)
          .filter(({ text }) => text !== 'common.status.connecting');
        assert.ok(statuses.length > 0);
        return { statuses, logKeys: logKeys(stage) };
      },
    },
    {
      title: 'disconnect',
      async run(stage) {
        const answer = await act(stage, 'out', { action: 'disconnect' });
        await shows(stage, 'common.status.disconnected');
        return {
          answer,
          last: ['in', 'dynamic', 'out'].map((id) => stage.statusesOf(id).at(-1)),
          logKeys: logKeys(stage),
        };
      },
    },
    {
      title: 'disconnect while disconnected',
      run: async (stage) => act(stage, 'dynamic', { action: 'disconnect' }),
    },
    {
      title: 'connect',
      async run(stage) {
        const answer = await act(stage, 'dynamic', { action: 'connect' });
        await shows(stage, 'common.status.connected');
        return {
          answer,
          last: ['in', 'dynamic', 'out'].map((id) => stage.statusesOf(id).at(-1)),
          logKeys: logKeys(stage),
        };
      },
    },
    {
      title: 'an unknown action of an out node',
      run: async (stage) => act(stage, 'out', { action: 'explode' }),
    },
  ],
});

const offline: Row[] = [
  {
    title: 'nothing connects by itself',
    run: async (stage) => ({ arrived: door.connects.size, status: stage.statusesOf('in') }),
  },
  {
    title: 'a message while not connected',
    async run(stage) {
      stage.flow.input('out', { topic: 'offline/1', payload: 'x', qos: 1, row: 'offline' });
      await act(stage, 'out', { action: 'explode' });
      const completed = () =>
        stage.receivedAt('completed').filter((msg) => (msg as { row?: string }).row === 'offline');
      if (stage.implementation === 'ours') await waitFor(() => completed().length > 0, { what: 'the message stored' });
      return { completed: completed().length };
    },
    differs: { by: 'offline', core: { completed: 0 }, ours: { completed: 1 } },
  },
  {
    title: 'the status while something waits',
    async run(stage) {
      if (stage.implementation === 'ours') await shows(stage, 'queued');
      return stage.statusesOf('in').at(-1);
    },
    differs: {
      by: 'status',
      core: { fill: 'red', shape: 'ring', text: 'common.status.disconnected' },
      ours: { fill: 'red', shape: 'ring', text: 'disconnected: shared.runtime.status.queued' },
    },
  },
  {
    title: 'what was published meanwhile comes after the action connect',
    async run(stage) {
      await act(stage, 'out', { action: 'connect' });
      await stage.outBarrier('out');
      return stage.observedBelow('offline').length;
    },
    differs: { by: 'offline', core: 0, ours: 1 },
  },
];

compare({
  ...common,
  title: 'autoConnect off',
  versions: [4, 5],
  nodes: nodes({ autoConnect: false }),
  ready: async () => undefined,
  rows: offline,
});

/** Packets of CONNECT that an action with `msg.broker` made. */
const connectsWith = (title: string, broker: Record<string, unknown>, differs?: Row['differs']): Row => ({
  title,
  ...(differs && { differs }),
  async run(stage) {
    const answer = await act(stage, 'out', { action: 'connect', broker });
    if (answer === 'completed') await stage.connected();
    const arrivals = [...door.connects.values()].map(({ packet }) => packet);
    return {
      answer,
      arrivals: arrivals.map(({ clientId, keepalive, clean, protocolVersion, username, will, properties }) => {
        const { userProperties, sessionExpiryInterval } = properties ?? {};
        const last = will && { topic: will.topic, payload: String(will.payload), qos: will.qos, retain: will.retain };
        return {
          clientId,
          keepalive,
          clean,
          protocolVersion,
          username,
          will: last,
          userProperties: { ...userProperties },
          sessionExpiryInterval,
        };
      }),
    };
  },
});

compare({
  ...common,
  title: 'connect with msg.broker',
  versions: [4, 5],
  nodes: nodes({ autoConnect: 'false' }),
  ready: async () => undefined,
  rows: [
    connectsWith('client id, keep-alive and clean session', { clientid: 'other', keepalive: 21, cleansession: true }),
    connectsWith('refused while connected', { keepalive: 22 }),
    connectsWith('forced', { keepalive: 23, force: true }),
    connectsWith('what was given before stays', { cleansession: false, force: true }),
    connectsWith('user name and password', { username: 'operator', password: 'secret', force: true }),
    connectsWith('and without them again', { force: true }),
    connectsWith('protocol version', { protocolVersion: 5, force: true }),
    connectsWith('user properties as text, session expiry', {
      ...{ userProperties: '{"a":"1"}', sessionExpiry: 90, protocolVersion: 5, force: true },
    }),
    connectsWith('the other names of these', { userProps: '{"b":"2"}', sessionExpiryInterval: 91, force: true }),
    connectsWith('a will', { will: { topic: 'life/will', payload: { a: 1 }, qos: 1, retain: true }, force: true }),
    connectsWith('no will', { will: {}, force: true }),
    connectsWith('a second force at once', { force: true }),
  ],
});

const directory = temporaryDirectory();
const certificates = createCertificates(directory);
const readFile = (file: string) => fs.readFileSync(file, 'utf8');
let doors: Record<'plain' | 'secure', FrontDoor>;

/** Connects to an address in the message, and answers which door was taken. */
const connectsTo = (
  title: string,
  address: () => Record<string, unknown>,
  expected: () => FrontDoor,
  more: Record<string, unknown> = {},
): Row => ({
  title,
  async run(stage) {
    const before = expected().counts.get('parity') ?? 0;
    const answer = await act(stage, 'out', { action: 'connect', broker: { ...address(), ...more, force: true } });
    const { brokerurl } = stage.flow.node('broker') as unknown as { brokerurl: string };
    return {
      answer,
      arrived: (expected().counts.get('parity') ?? 0) - before,
      url: brokerurl.replace(/\d+$/, 'port'),
      version: expected().connects.get('parity')?.packet.protocolVersion,
    };
  },
});

const message = (kind: string) => ({
  topic: `life/${kind}-of-message`,
  payload: { [kind]: 1 },
  qos: 1,
  retain: kind === 'birth',
  properties: {
    contentType: 'application/json',
    respTopic: ' answers',
    correl: ' a ',
    expiry: 600,
    userProps: '{"a":"1"}',
  },
});

compare({
  ...common,
  title: 'connect with an address, birth and close messages in msg.broker',
  versions: [4, 5],
  async nodes(stage) {
    const { certificateFile, keyFile } = certificates;
    doors = {
      plain: await FrontDoor.open(stage.mosquitto.port),
      secure: await FrontDoor.open(stage.mosquitto.port, {
        ...{ cert: readFile(certificateFile), key: readFile(keyFile) },
      }),
    };
    const tls = { id: 'tls', type: 'tls-config', name: '', cert: '', key: '', ca: '', verifyservercert: false };
    return [tls, ...(await nodes({ ...special('birth', '0', 'false'), tls: 'tls' })(stage))];
  },
  async done() {
    for (const one of [door, doors.plain, doors.secure]) await one.close();
  },
  rows: [
    connectsTo(
      'broker and port',
      () => ({ broker: 'localhost', port: doors.plain.port }),
      () => doors.plain,
    ),
    connectsTo(
      'url',
      () => ({ url: `mqtt://127.0.0.1:${door.port}` }),
      () => door,
    ),
    connectsTo(
      'broker, port and usetls',
      () => {
        return { url: '', broker: 'localhost', port: doors.secure.port, usetls: true };
      },
      () => doors.secure,
    ),
    connectsTo(
      'usetls off',
      () => ({ url: '', usetls: false, port: doors.plain.port }),
      () => doors.plain,
    ),
    connectsTo(
      'compatmode',
      () => ({}),
      () => doors.plain,
      { compatmode: true },
    ),
    connectsTo(
      'compatmode off',
      () => ({}),
      () => doors.plain,
      { compatmode: false },
    ),
    {
      title: 'birth and close messages',
      async run(stage) {
        const broker = { birth: message('birth'), close: message('close'), force: true };
        await act(stage, 'out', { action: 'connect', broker });
        await observes(stage, 'life/birth-of-message', 1);
        await act(stage, 'out', { action: 'disconnect' });
        await observes(stage, 'life/close-of-message', 1);
        return [...stage.observedBelow('life/birth-of-message'), ...stage.observedBelow('life/close-of-message')];
      },
    },
    {
      title: 'neither of them',
      async run(stage) {
        const before = stage.observedBelow('life').length;
        await act(stage, 'out', { action: 'connect', broker: { birth: {}, close: {} } });
        await act(stage, 'out', { action: 'disconnect' });
        await act(stage, 'out', { action: 'connect' });
        await stage.outBarrier('out');
        return stage.observedBelow('life').slice(before);
      },
    },
  ],
});

const waitsFor = (stage: Stage, what: string, condition: () => boolean) =>
  waitFor(condition, {
    what: `${stage.implementation}: ${what}`,
    detail: () => JSON.stringify([stage.flow.statuses, stage.logKeys, stage.flow.received('errors')]),
  });

/** Times that a failed attempt was logged. */
const failures = (stage: Stage) => stage.logKeys.filter(({ key }) => key === 'mqtt.state.connect-failed').length;

compare({
  ...common,
  title: 'a broker that cannot be reached',
  versions: [5],
  nodes: async (stage) => {
    const flow = await nodes({})(stage);
    await door.close();
    return flow;
  },
  ready: async () => undefined,
  done: async () => undefined,
  rows: [
    {
      title: 'is shown, and told',
      async run(stage) {
        const isTold = () => stage.flow.received('errors').length > 0;
        await waitsFor(stage, 'attempts', () => failures(stage) >= 2 || isTold());
        if (isTold())
          await waitsFor(stage, 'the reason', () => /unreachable/.test(String(stage.flow.status('in')?.text)));
        return { status: stage.statusesOf('in').at(-1), isTold: isTold() };
      },
      differs: {
        by: 'failed-connection',
        core: { status: { fill: 'yellow', shape: 'ring', text: 'common.status.connecting' }, isTold: false },
        ours: {
          status: { fill: 'red', shape: 'ring', text: 'disconnected: shared.runtime.status.unreachable' },
          isTold: true,
        },
      },
    },
  ],
});

compare({
  ...common,
  title: 'the action connect to a broker that cannot be reached',
  versions: [4],
  nodes: async (stage) => {
    const flow = await nodes({ autoConnect: false })(stage);
    await door.close();
    return flow;
  },
  ready: async () => undefined,
  done: async () => undefined,
  rows: [
    {
      title: 'is answered',
      async run(stage) {
        stage.flow.input('out', { action: 'connect', row: 'connect' });
        const answers = () =>
          stage.flow.received('errors').filter((msg) => (msg as { row?: string }).row === 'connect');
        await waitsFor(stage, 'attempts', () => failures(stage) >= 2 || answers().length > 0);
        return { caught: answers().length, completed: stage.flow.received('completed').length };
      },
      differs: { by: 'failed-connection', core: { caught: 0, completed: 0 }, ours: { caught: 1, completed: 0 } },
    },
  ],
});

compare({
  ...common,
  title: 'an empty client id',
  versions: [4],
  nodes: nodes({ clientid: '', cleansession: true }),
  rows: [
    {
      title: 'after a redeploy',
      async run(stage) {
        const arrivals = () => [...door.counts.values()].reduce((sum, count) => sum + count, 0);
        const flow = await renamed(stage, { clientid: '', cleansession: true });
        await stage.deploy(flow, 'full');
        await waitsFor(stage, 'two connections', () => arrivals() >= 2);
        return door.connects.size === 1 ? 'the same' : 'another one';
      },
      differs: { by: 'client-id', core: 'another one', ours: 'the same' },
    },
  ],
});

/** The same flow with another name of the broker node, so that a deploy has something to change. */
async function renamed(stage: Stage, fields: Record<string, unknown>): Promise<FlowNode[]> {
  const { port } = door;
  const kept = door;
  const flow = await nodes({ ...fields, name: 'renamed' })(stage);
  await door.close();
  door = kept;
  return flow.map((node) => (node.id === 'broker' ? { ...node, port } : node));
}
