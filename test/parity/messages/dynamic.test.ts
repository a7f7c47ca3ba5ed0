// Every action of an in node that subscribes at run time, with every form of topic.
import assert from 'node:assert/strict';
import { catchNode, completeNode, type FlowNode, helperNode, tab } from '../../nodes/flow';
import { waitFor } from '../../support/wait';
import { coreBroker, coreIn, coreOut, type Stage } from '../stage';
import { compare, type Row } from '../table';

interface Step {
  title: string;
  msg: Record<string, unknown>;
  versions?: Row['versions'];
  differs?: Row['differs'];
}

const step = (title: string, action: unknown, topic?: unknown, more: Partial<Step> = {}): Step => {
  return { title, msg: { action, ...(topic !== undefined && { topic }) }, ...more };
};

/** In this order: each begins with what those before left. */
const steps: Step[] = [
  step('getSubscriptions: none', 'getSubscriptions'),
  step('subscribe: a filter', 'subscribe', 'dynamic/a'),
  step('subscribe: an object', 'subscribe', { topic: 'dynamic/b', qos: 1 }),
  step('subscribe: an object with MQTT 5 options', 'subscribe', {
    topic: 'dynamic/c',
    qos: '0',
    nl: true,
    rap: false,
    rh: 2,
  }),
  step('subscribe: an object with options as text', 'subscribe', {
    topic: 'dynamic/d',
    qos: '1',
    nl: 'false',
    rap: 'false',
    rh: '1',
  }),
  step('subscribe: a list', 'subscribe', ['dynamic/e/#', { topic: 'dynamic/f/+', datatype: 'buffer' }]),
  step('subscribe: an equal topic replaces', 'subscribe', { topic: 'dynamic/a', qos: 0, datatype: 'json' }),
  step('subscribe: an invalid filter', 'subscribe', 'dynamic/#/x'),
  step('subscribe: a list with an invalid filter', 'subscribe', ['dynamic/valid', 'dynamic/+x']),
  step('subscribe: an object without topic', 'subscribe', { qos: 1 }),
  step('subscribe: a number', 'subscribe', 5),
  step('subscribe: no topic', 'subscribe'),
  step('getSubscriptions', 'getSubscriptions'),
  step('unsubscribe: a filter', 'unsubscribe', 'dynamic/b'),
  step('unsubscribe: an object', 'unsubscribe', { topic: 'dynamic/d' }),
  step('unsubscribe: what is not subscribed', 'unsubscribe', 'dynamic/none'),
  step('unsubscribe: an invalid filter', 'unsubscribe', 'dynamic/#/x'),
  step('unsubscribe: a number', 'unsubscribe', 5),
  step('unsubscribe: a list', 'unsubscribe', ['dynamic/c', { topic: 'dynamic/e/#' }]),
  step('unsubscribe: true is all', 'unsubscribe', true),
  step('getSubscriptions after that', 'getSubscriptions'),
  step('an unknown action', 'explode'),
  step('no action', undefined),
  step('connect while connected', 'connect'),
];

/** Published after each step: which of these come tells what is subscribed to. */
const PROBES = ['a', 'b', 'c', 'd', 'e/x', 'f/x', 'valid', 'none'].map((level) => `dynamic/${level}`);

const rows: Row[] = steps.map(({ title, msg, versions, differs }) => ({
  title,
  ...(versions && { versions }),
  ...(differs && { differs }),
  async run(stage) {
    const before = stage.flow.received('got').length;
    stage.flow.input('in', { ...msg, row: title });
    const answers = () => [...stage.flow.received('completed'), ...stage.flow.received('errors')].filter(isOf(title));
    await waitFor(() => answers().length > 0, {
      what: `${stage.implementation}: an answer to "${title}"`,
      intervalMs: 2,
    });
    // On the same connection: SUBSCRIBE and UNSUBSCRIBE were handled before.
    await stage.outBarrier('out');
    for (const topic of PROBES) await stage.publisher.publishAsync(topic, '{"a":1}', { qos: 2 });
    await stage.inBarrier('barrier');
    return {
      completed: stage.receivedAt('completed').filter(isOf(title)).map(inOrder),
      caught: stage.flow.received('errors').filter(isOf(title)).length,
      sent: stage.receivedAt('got').slice(before).map(inOrder),
    };
  },
}));

function byTopic(left: { topic: string }, right: { topic: string }): number {
  return left.topic < right.topic ? -1 : 1;
}

/** Lists of subscriptions have no order of their own. */
function inOrder(msg: unknown): unknown {
  const entries = Object.entries(msg as Record<string, unknown>).map(([name, value]): [string, unknown] => {
    const isList = Array.isArray(value) && (name === 'subscriptions' || name === 'payload');
    return [name, isList ? value.toSorted(byTopic) : value];
  });
  return Object.fromEntries(entries);
}

function isOf(row: string): (msg: unknown) => boolean {
  return (msg) => (msg as { row?: string }).row === row;
}

compare({
  title: 'actions of an in node',
  versions: [4, 5],
  nodes: (stage: Stage): FlowNode[] => [
    tab,
    coreBroker(stage),
    coreIn('in', '', 'got', { inputs: 1, datatype: 'utf8' }),
    helperNode('got'),
    coreIn('in-barrier', 'barrier/#', 'barrier'),
    helperNode('barrier'),
    coreOut('out'),
    completeNode('complete', 'completed', ['in']),
    catchNode('catch', 'errors', ['in']),
    helperNode('completed'),
    helperNode('errors'),
  ],
  async ready(stage) {
    await stage.connected();
    await stage.subscribed('barrier');
  },
  rows,
});

/** Options of subscriptions made by messages; what each is to show is in what comes. */
const OPTIONS: Record<string, unknown>[] = [
  {},
  ...[true, 'true', false, 'false'].map((nl) => ({ nl })),
  ...[0, 1, 2, '2', 9].map((rh) => ({ rh })),
  ...[true, 'true', false, 'false'].map((rap) => ({ rap })),
  ...[0, 1, 2, '1'].map((qos) => ({ qos })),
];

compare({
  title: 'options of a subscription that a message makes',
  versions: [4, 5],
  async nodes(stage): Promise<FlowNode[]> {
    for (const [index] of OPTIONS.entries()) {
      await stage.publisher.publishAsync(`options/${index}`, 'earlier', { qos: 2, retain: true });
    }
    return [
      tab,
      coreBroker(stage),
      coreIn('in', '', 'got', { inputs: 1, datatype: 'utf8' }),
      helperNode('got'),
      coreIn('in-barrier', 'barrier/#', 'barrier'),
      helperNode('barrier'),
      coreOut('out'),
    ];
  },
  async ready(stage) {
    await stage.connected();
    await stage.subscribed('barrier');
  },
  rows: OPTIONS.map((options, index): Row => {
    const topic = `options/${index}`;
    return {
      title: JSON.stringify(options),
      async run(stage) {
        stage.flow.input('in', { action: 'subscribe', topic: { topic, ...options } });
        await stage.outBarrier('out');
        stage.flow.input('out', { topic, payload: 'own', qos: 2 });
        await stage.outBarrier('out');
        await stage.publisher.publishAsync(topic, 'retained', { qos: 2, retain: true });
        await stage.inBarrier('barrier');
        const received = stage.receivedAt('got', topic);
        assert.ok(received.length > 0, 'nothing was received');
        return received;
      },
    };
  }),
});
