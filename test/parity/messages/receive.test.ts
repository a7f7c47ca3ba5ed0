// Every property of a message that an in node sends on, in every datatype; and the fields that shape a subscription.
import assert from 'node:assert/strict';
import type { IClientPublishOptions } from 'mqtt';
import { catchNode, type FlowNode, helperNode, tab } from '../../nodes/flow';
import { comparable, coreBroker, coreIn, coreOut, type Stage } from '../stage';
import { compare, type Row, type Scene } from '../table';

const DATATYPES = ['auto-detect', 'auto', 'buffer', 'utf8', 'json', 'base64', undefined, 'nonsense'];

type Properties = NonNullable<IClientPublishOptions['properties']>;

const notUtf8 = Buffer.from([0xff, 0xfe, 0x00]);
const payloads: [title: string, payload: string | Buffer][] = [
  ['text', 'plain text'],
  ['empty', ''],
  ['a number', '21.50'],
  ['a boolean', 'true'],
  ['an object', '{"level":3,"nested":[true,null]}'],
  ['an array', '[1,"two"]'],
  ['broken JSON', '{"level":'],
  ['quoted text', '"quoted"'],
  ['text that is not ASCII', 'größe: 21 °C'],
  ['bytes that are not UTF-8', notUtf8],
  ['bytes with a null', Buffer.from([0, 65, 66])],
];

const contentTypes = [
  ...['text/css', 'text/html', 'text/plain', 'application/xml', 'application/json', 'Application/JSON'],
  ...['application/octet-stream', 'application/pdf', 'application/zip', 'audio/aac', 'image/png', 'x/unknown'],
];

const v5: [title: string, payload: string | Buffer, properties: Properties][] = [
  ...contentTypes.flatMap((contentType): [string, string | Buffer, Properties][] => [
    [`contentType ${contentType} with JSON`, '{"a":1}', { contentType }],
    [`contentType ${contentType} with text`, 'text', { contentType }],
    [`contentType ${contentType} with bytes`, notUtf8, { contentType }],
  ]),
  ['contentType text/plain; charset=utf-8', '{"a":1}', { contentType: 'text/plain; charset=utf-8' }],
  ['payloadFormatIndicator true', '{"a":1}', { payloadFormatIndicator: true }],
  ['payloadFormatIndicator true with bytes', notUtf8, { payloadFormatIndicator: true }],
  ['payloadFormatIndicator false', '{"a":1}', { payloadFormatIndicator: false }],
  ['responseTopic', 'x', { responseTopic: 'answers/here' }],
  ['correlationData', 'x', { correlationData: Buffer.from([1, 0, 2]) }],
  ['messageExpiryInterval', 'x', { messageExpiryInterval: 600 }],
  ['userProperties', 'x', { userProperties: { unit: 'kW', größe: '1' } }],
  ['userProperties: one name twice', 'x', { userProperties: { a: ['1', '2'], b: '3' } }],
  [
    'all properties at once',
    '{"a":1}',
    {
      contentType: 'application/json',
      payloadFormatIndicator: true,
      responseTopic: 'answers/here',
      correlationData: Buffer.from('c'),
      messageExpiryInterval: 600,
      userProperties: { a: '1' },
    },
  ],
];

async function receive(stage: Stage, topic: string, payload: string | Buffer, options: IClientPublishOptions) {
  await stage.publisher.publishAsync(topic, payload, { qos: 1, ...options });
  await stage.inBarrier('barrier');
  const outcome = {
    received: Object.fromEntries(
      DATATYPES.map((datatype, index) => [datatype, stage.receivedAt(`got-${index}`, topic)]),
    ),
    caught: stage.flow
      .caught('errors')
      .filter((msg) => (msg as { topic?: string }).topic === topic)
      .map(({ error: _error, ...msg }) => comparable(msg)),
  };
  assert.ok(outcome.received.buffer?.length === 1, 'the message was not received');
  return outcome;
}

const decoding: Scene = {
  title: 'receiving',
  versions: [4, 5],
  nodes: (stage): FlowNode[] => [
    tab,
    // As localhost the broker makes in nodes set msg._topic.
    coreBroker(stage, { broker: stage.version === 5 ? 'localhost' : '127.0.0.1' }),
    ...DATATYPES.flatMap((datatype, index) => [
      coreIn(`in-${index}`, 'row/#', `got-${index}`, { datatype }),
      helperNode(`got-${index}`),
    ]),
    coreIn('in-barrier', 'barrier/#', 'barrier'),
    helperNode('barrier'),
    catchNode('catch', 'errors'),
    helperNode('errors'),
  ],
  async ready(stage) {
    await stage.connected();
    await stage.subscribed('barrier');
  },
  rows: [
    ...payloads.map(([title, payload], index): Row => {
      return { title: `payload: ${title}`, run: (stage) => receive(stage, `row/payload/${index}`, payload, {}) };
    }),
    ...([0, 1, 2] as const).map((qos): Row => {
      return { title: `qos ${qos}`, run: (stage) => receive(stage, `row/qos/${qos}`, 'x', { qos }) };
    }),
    { title: 'retain', run: (stage) => receive(stage, 'row/retain', 'x', { retain: true }) },
    { title: 'a long topic', run: (stage) => receive(stage, `row/${'level/'.repeat(50)}x`, 'x', {}) },
    ...v5.map(([title, payload, properties], index): Row => {
      return { title, versions: [5], run: (stage) => receive(stage, `row/v5/${index}`, payload, { properties }) };
    }),
  ],
};
compare(decoding);

/** Fields of in nodes; what each is to show is in the payloads it gets. */
const FIELDS: [id: string, fields: Record<string, unknown>, versions?: Row['versions']][] = [
  ['qos-0', { qos: '0' }],
  ['qos-1', { qos: '1' }],
  ['qos-2', { qos: '2' }],
  ['qos-number', { qos: 1 }],
  ['qos-invalid', { qos: '7' }],
  ['qos-missing', { qos: undefined }],
  ['qos-variable', { qos: variable('PARITY_QOS') }],
  ['topic-variable', { topic: variable('PARITY_TOPIC') }],
  ['rap-true', { rap: true }],
  ['rap-false', { rap: false }],
  ['rap-text', { rap: 'true' }],
  ['rap-missing', { rap: undefined }],
  ['nl-true', { nl: true }],
  ['nl-text', { nl: 'true' }],
  ['nl-false', { nl: false }],
  ['rh-0', { rh: 0 }],
  ['rh-1', { rh: 1 }],
  ['rh-2', { rh: 2 }],
  ['rh-text', { rh: '2' }],
  ['rh-invalid', { rh: 9 }],
  ['plus', { topic: 'field/plus/+/end' }],
  ['hash', { topic: 'field/hash/#' }],
  ['shared', { topic: '$share/group/field/shared' }, [5]],
];

function variable(name: string): string {
  return `$\{${name}}`;
}

const TOPICS: Record<string, string> = { plus: 'field/plus/x/end', hash: 'field/hash/a/b' };
const topicOf = (id: string) => TOPICS[id] ?? `field/${id}`;

compare({
  title: 'fields of a subscription',
  versions: [4, 5],
  async nodes(stage): Promise<FlowNode[]> {
    Object.assign(process.env, { PARITY_QOS: '1', PARITY_TOPIC: 'field/topic-variable' });
    for (const [id] of FIELDS) await stage.publisher.publishAsync(topicOf(id), 'earlier', { qos: 1, retain: true });
    return [
      tab,
      coreBroker(stage),
      ...FIELDS.flatMap(([id, fields]) => [coreIn(id, topicOf(id), `got-${id}`, fields), helperNode(`got-${id}`)]),
      coreIn('in-barrier', 'barrier/#', 'barrier'),
      helperNode('barrier'),
      coreOut('out'),
    ];
  },
  async ready(stage) {
    await stage.connected();
    await stage.subscribed('barrier');
  },
  rows: FIELDS.map(([id, , versions]): Row => {
    return {
      title: `field ${id.replace('-', ': ')}`,
      ...(versions && { versions }),
      // A retained message from before, one published by the same client, and one of another with retain.
      async run(stage) {
        stage.flow.input('out', { topic: topicOf(id), payload: 'own', qos: 2 });
        await stage.outBarrier('out');
        await stage.publisher.publishAsync(topicOf(id), 'retained', { qos: 2, retain: true });
        await stage.inBarrier('barrier');
        const received = stage.receivedAt(`got-${id}`);
        assert.ok(received.length > 0, 'nothing was received');
        return received;
      },
    };
  }),
  async done() {
    delete process.env.PARITY_QOS;
    delete process.env.PARITY_TOPIC;
  },
});

/** Filters, and the topics below them that are published; with what comes of them where core differs. */
const MATCHES: [filter: string, topics: string[], core?: string[]][] = [
  ['match/hash/#', ['match/hash', 'match/hash/', 'match/hash/a/b', 'match/hashes']],
  ['match/plus/+', ['match/plus/a', 'match/plus/', 'match/plus', 'match/plus/a/b'], ['match/plus/a']],
  ['match/+/middle', ['match/a/middle', 'match//middle', 'match/a/b/middle'], ['match/a/middle']],
  ['match/a{2}/+', ['match/a{2}/x', 'match/aa/x'], []],
  ['match/a.b(c)[d]|e*', ['match/a.b(c)[d]|e*', 'match/aXb(c)[d]|e*']],
  ['match/$dollar/^', ['match/$dollar/^']],
];
/** Those that match by the rules of MQTT (4.7.1), where core differs. */
const MQTT_MATCHES = new Set(['match/plus/a', 'match/plus/', 'match/a/middle', 'match//middle', 'match/a{2}/x']);
compare({
  title: 'topic filters',
  versions: [4, 5],
  nodes: (stage): FlowNode[] => [
    tab,
    coreBroker(stage),
    ...MATCHES.flatMap(([filter], index) => [
      coreIn(`in-${index}`, filter, `got-${index}`),
      helperNode(`got-${index}`),
    ]),
    coreIn('in-barrier', 'barrier/#', 'barrier'),
    helperNode('barrier'),
  ],
  async ready(stage) {
    await stage.connected();
    await stage.subscribed('barrier');
  },
  rows: MATCHES.map(([filter, topics, core], index): Row => {
    const isOf = (topic: string) => topics.includes(topic);
    const ours = topics.filter((topic) => MQTT_MATCHES.has(topic));
    return {
      title: filter,
      ...(core && { differs: { by: 'filters', core, ours } }),
      async run(stage) {
        for (const topic of topics) await stage.publisher.publishAsync(topic, 'x', { qos: 2 });
        await stage.inBarrier('barrier');
        return stage.flow
          .received(`got-${index}`)
          .map((msg) => String((msg as { topic?: string }).topic))
          .filter(isOf);
      },
    };
  }),
});

// Thread 5962: in MQTT 5 messages are routed by subscription identifier, once per node; in 3.1.1 as in core.
const FILTERS = { exact: 'overlap/a', plus: 'overlap/+', hash: 'overlap/#', same: 'overlap/a' };
compare({
  title: 'overlapping subscriptions (node-red 5962)',
  versions: [4, 5],
  nodes: (stage): FlowNode[] => [
    tab,
    coreBroker(stage),
    ...Object.entries(FILTERS).flatMap(([id, topic]) => [
      coreIn(id, topic, `got-${id}`, { qos: '1' }),
      helperNode(`got-${id}`),
    ]),
    coreIn('in-barrier', 'barrier/#', 'barrier'),
    helperNode('barrier'),
  ],
  async ready(stage) {
    await stage.connected();
    await stage.subscribed('barrier');
  },
  rows: [
    {
      title: 'a message that several filters match',
      async run(stage) {
        await stage.publisher.publishAsync('overlap/a', 'x', { qos: 1 });
        await stage.inBarrier('barrier');
        return Object.fromEntries(Object.keys(FILTERS).map((id) => [id, stage.receivedAt(`got-${id}`).length]));
      },
    },
  ],
});
