// Every field of the out node, and every property of a message it publishes.
import assert from 'node:assert/strict';
import { catchNode, completeNode, type FlowNode, helperNode, tab } from '../../nodes/flow';
import { coreBroker, coreOut, type Stage } from '../stage';
import { compare, type Row } from '../table';

interface Publish {
  title: string;
  /** Fields of the out node. */
  fields?: Record<string, unknown>;
  msg: Record<string, unknown>;
  differs?: Row['differs'];
  versions?: Row['versions'];
  /** Messages at the subscriber; default 1. */
  published?: number;
}

/** A message with these properties, to a topic of its own. */
const message = (title: string, msg: Record<string, unknown>, more: Partial<Publish> = {}): Publish => ({
  title,
  msg: { payload: 'x', qos: 1, ...msg },
  ...more,
});

const EXPIRY_0 = 'messageExpiryInterval in msg: 0';
const ALIAS_USED = 'topicAlias: used';
const FUNCTION = 'payload: a function';
const json = { type: 'Buffer', data: [1, 2, 3] };

const table: Publish[] = [
  // payload
  message('payload: text', { payload: 'plain' }),
  message('payload: empty text', { payload: '' }),
  message('payload: Buffer', { payload: Buffer.from([0, 255, 1]) }),
  message('payload: object', { payload: { level: 3, nested: [true, null] } }),
  message('payload: array', { payload: [1, 'two'] }),
  message('payload: number', { payload: 21.5 }),
  message('payload: 0', { payload: 0 }),
  message('payload: boolean', { payload: false }),
  message('payload: null', { payload: null }),
  message('payload: undefined', { payload: undefined }),
  message('payload: large', { payload: Buffer.alloc(200_000, 'a') }),
  { title: 'payload: none', msg: { qos: 1 }, published: 0 },
  message('payload: circular object', { payload: circular() }, { published: 0 }),
  message('payload: Date', { payload: new Date(0) }),
  message('payload: bytes that are no Buffer', { payload: new Uint8Array([1, 2]) }),
  message('payload: bigint', { payload: 5n }),
  message(FUNCTION, { topic: 'row/function', payload: Math.max }, { differs: functionPayload() }),
  // topic
  message('topic: of the node wins', { topic: 'row/of-the-message' }, { fields: { topic: 'row/of-the-node' } }),
  message('topic: not ASCII', { topic: 'row/größe/°C' }),
  message('topic: with blanks', { topic: 'row/ with blanks ' }),
  message('topic: invalid', { topic: 'row/+/x' }, { differs: invalidTopic() }),
  message('topic: missing', { topic: undefined }, { versions: [4], differs: invalidTopic() }),
  message('topic: a number', { topic: 7 }, { differs: invalidTopic() }),
  // qos
  ...[0, 1, 2, '0', '1', '2', 5, 'high', null].map((qos) => message(`qos: ${JSON.stringify(qos)} in msg`, { qos })),
  ...['0', '1', '2'].map((qos) => message(`qos: ${qos} of the node wins`, { qos: 1 }, { fields: { qos } })),
  message('qos: none', { qos: undefined }),
  message('qos: text that begins with a number', { qos: '1st' }),
  message('qos: a number with a fraction', { qos: 1.7 }),
  // retain
  ...[true, false, 'true', 'false', 1].map((retain) => message(`retain: ${JSON.stringify(retain)} in msg`, { retain })),
  ...['true', 'false', true].map((retain) =>
    message(`retain: ${JSON.stringify(retain)} of the node`, { retain: retain === 'false' }, { fields: { retain } }),
  ),
  message('retain: false of the node, which is no text', { retain: true }, { fields: { retain: false } }),
  message('retain: another text of the node', { retain: true }, { fields: { retain: 'maybe' } }),
  // MQTT 5 properties; without effect before
  message('responseTopic in msg', { responseTopic: 'answers/here' }),
  message('responseTopic of the node wins', { responseTopic: 'a' }, { fields: { respTopic: 'b' } }),
  message(
    'responseTopic is the topic when there is none',
    { topic: '', responseTopic: 'row/answer' },
    { versions: [5] },
  ),
  message('correlationData in msg: Buffer', { correlationData: Buffer.from([1, 0, 2]) }),
  message('correlationData in msg: text', { correlationData: 'abc' }),
  message('correlationData in msg: Buffer that was JSON', { correlationData: json }),
  message('correlationData in msg: bytes', { correlationData: [4, 5] }),
  message('correlationData in msg: an empty Buffer', { correlationData: Buffer.alloc(0) }),
  message(
    'blanks in fields of the node',
    {},
    { fields: { respTopic: ' answers ', correl: ' two  words ', contentType: ' text/plain ' } },
  ),
  message('correlationData of the node wins', { correlationData: 'msg' }, { fields: { correl: 'node' } }),
  message('contentType in msg', { contentType: 'text/plain' }),
  message('contentType in msg: a number', { contentType: 5 }),
  message('contentType of the node wins', { contentType: 'a/b' }, { fields: { contentType: 'application/json' } }),
  message('messageExpiryInterval in msg', { messageExpiryInterval: 600 }),
  message('messageExpiryInterval in msg: text', { messageExpiryInterval: '600' }),
  message(EXPIRY_0, { topic: 'row/expiry', messageExpiryInterval: 0 }, { versions: [5], differs: expiry0() }),
  message('messageExpiryInterval in msg: text with a unit', { messageExpiryInterval: '600s' }),
  message('messageExpiryInterval in msg: a fraction', { messageExpiryInterval: 599.5 }),
  message('messageExpiryInterval in msg: negative', { messageExpiryInterval: -1 }),
  message('messageExpiryInterval in msg: no number', { messageExpiryInterval: 'soon' }),
  message('messageExpiryInterval of the node wins', { messageExpiryInterval: 600 }, { fields: { expiry: '1200' } }),
  message('userProperties in msg', { userProperties: { unit: 'kW', n: 5, o: { p: 1 }, none: null } }),
  message('userProperties in msg: text', { userProperties: 'unit=kW' }),
  message('userProperties in msg: a list', { userProperties: ['x', 2] }),
  message('userProperties in msg: lists', { userProperties: { a: ['1', '2'] } }),
  message('userProperties in msg: empty', { userProperties: {} }),
  message(
    'userProperties of the node replace those of msg',
    { userProperties: { a: '1' } },
    { fields: { userProps: '{"b":"2","c":3}' } },
  ),
  message('userProperties of the node: not JSON', {}, { fields: { userProps: 'unit=kW' } }),
  message('payloadFormatIndicator in msg', { payloadFormatIndicator: true }),
  message('payloadFormatIndicator in msg: text', { payloadFormatIndicator: 'false' }),
  message('reasonString in msg', { reasonString: 'none of a PUBLISH' }),
  // The next three share an alias: set, used, moved to another topic.
  message('topicAlias: set', { topic: 'row/alias', topicAlias: 3 }),
  message(ALIAS_USED, { topic: 'row/alias', topicAlias: '3' }, { versions: [5], differs: aliasTopic() }),
  message('topicAlias: moved', { topic: 'row/other', topicAlias: 3 }),
  message('topicAlias: above the maximum of the broker', { topicAlias: 9_999 }),
  message('topicAlias: no number', { topicAlias: 'x' }),
  // environment variables
  message('an environment variable in topic', {}, { fields: { topic: variable('PARITY_TOPIC') } }),
  message(
    'an environment variable in qos and retain',
    {},
    { fields: { qos: variable('PARITY_QOS'), retain: variable('PARITY_RETAIN') } },
  ),
  message('an environment variable in MQTT 5 fields', {}, { fields: environmentFields() }),
  // other properties of msg go on to Complete nodes
  message('other properties of msg', { colour: 'red', parts: { id: 1 } }),
  message('an unknown action', { action: 'explode' }, { published: 0 }),
];

/** As the editor writes it into a field. */
function variable(name: string): string {
  return `$\{${name}}`;
}

function circular(): object {
  const object: Record<string, unknown> = {};
  object.self = object;
  return object;
}

function environmentFields(): Record<string, unknown> {
  return {
    respTopic: variable('PARITY_TOPIC'),
    correl: variable('PARITY_TOPIC'),
    contentType: variable('PARITY_TYPE'),
    expiry: variable('PARITY_EXPIRY'),
    userProps: variable('PARITY_PROPERTIES'),
  };
}
const environment: Record<string, string> = {
  PARITY_TOPIC: 'row/environment',
  PARITY_QOS: '2',
  PARITY_RETAIN: 'true',
  PARITY_TYPE: 'text/plain',
  PARITY_EXPIRY: '600',
  PARITY_PROPERTIES: '{"from":"environment"}',
};

/** Mosquitto takes 0 for never. */
function expiry0(): Row['differs'] {
  const packet = { payload: 'hex:78', qos: 1, retain: false, properties: {}, topic: 'row/expiry' };
  const completed = {
    ...{ payload: 'x', qos: 1, retain: false, row: EXPIRY_0, topic: 'row/expiry', complete: {} },
    messageExpiryInterval: 0,
  };
  const outcome = (published: unknown[]) => ({ published, completed: [completed], caught: 0, warned: 0 });
  return { by: 'expiry', core: outcome([packet]), ours: outcome([]) };
}

/** Core leaves in `msg` that the packet had no topic. */
function aliasTopic(): Row['differs'] {
  const packet = { payload: 'hex:78', qos: 1, retain: false, properties: {}, topic: 'row/alias' };
  const completed = { payload: 'x', qos: 1, retain: false, row: ALIAS_USED, topicAlias: 3, complete: {} };
  const outcome = (topic: string) => ({
    published: [packet],
    completed: [{ ...completed, topic }],
    caught: 0,
    warned: 0,
  });
  return { by: 'topic-alias', core: outcome(''), ours: outcome('row/alias') };
}

/** Core publishes its source text. */
function functionPayload(): Row['differs'] {
  const published = { payload: `hex:${Buffer.from(String(Math.max)).toString('hex')}`, topic: 'row/function' };
  const completed = { payload: String(Math.max), row: FUNCTION, topic: 'row/function', complete: {} };
  const rest = { qos: 1, retain: false };
  return {
    by: 'invalid-topic',
    core: {
      published: [{ ...published, ...rest, properties: {} }],
      completed: [{ ...completed, ...rest }],
      ...{ caught: 0, warned: 0 },
    },
    ours: { published: [], completed: [], caught: 1, warned: 0 },
  };
}

function invalidTopic(): Row['differs'] {
  const nothing = { published: [], completed: [] };
  return {
    by: 'invalid-topic',
    core: { ...nothing, caught: 0, warned: 1 },
    ours: { ...nothing, caught: 1, warned: 0 },
  };
}

/** How many errors a Catch node got for a row; their texts are not compared. */
function caughtBy(stage: Stage, row: string): number {
  return stage.flow.caught('errors').filter((msg) => (msg as { row?: string }).row === row).length;
}

const rows: Row[] = table.map(({ title, msg, differs, versions, published: expected = 1 }, index) => ({
  title,
  ...(versions && { versions }),
  ...(differs && { differs }),
  async run(stage) {
    const from = stage.observed.length;
    stage.flow.input(`out-${index}`, { topic: `row/${index}`, ...msg, row: title });
    await stage.outBarrier('out');
    const published = stage.observedBelow('row').slice(stage.observed.slice(0, from).filter(isOfRow).length);
    if (differs === undefined)
      assert.equal(published.length, expected, `messages published by ${stage.implementation}`);
    return {
      published,
      completed: stage.receivedAt('completed').filter((done) => (done as { row?: string }).row === title),
      caught: caughtBy(stage, title),
      warned: stage.flow.logged.filter(({ id, level }) => id === `out-${index}` && level === 'warn').length,
    };
  },
}));

function isOfRow({ topic }: Record<string, unknown>): boolean {
  return topic === 'row' || String(topic).startsWith('row/');
}

compare({
  title: 'publishing',
  versions: [3, 4, 5],
  nodes: (stage): FlowNode[] => {
    Object.assign(process.env, environment);
    const outs = table.map(({ fields }, index) => coreOut(`out-${index}`, fields));
    const ids = outs.map(({ id }) => id);
    return [
      tab,
      coreBroker(stage),
      ...outs,
      coreOut('out'),
      completeNode('complete', 'completed', [...ids, 'out']),
      catchNode('catch', 'errors', ids),
      helperNode('completed'),
      helperNode('errors'),
    ];
  },
  ready: (stage) => stage.connected(),
  async done() {
    for (const name of Object.keys(environment)) delete process.env[name];
  },
  rows,
});
