// What becomes of subscriptions when nodes are deployed, and the connection is lost.
import { type FlowNode, helperNode, tab } from '../nodes/flow';
import { MqttProxy } from '../support/proxy';
import { waitFor } from '../support/wait';
import { coreBroker, coreIn, coreOut, type Stage } from './stage';
import { compare, type Row } from './table';

let proxy: MqttProxy;

const subscriber = (more: Record<string, unknown> = {}) => coreIn('in', 'life/#', 'got', more);
const dynamic = (more: Record<string, unknown> = {}) => coreIn('dynamic', '', 'got', { inputs: 1, ...more });

function flow(stage: Stage, fields: Record<string, unknown>, nodes: readonly FlowNode[]): FlowNode[] {
  return [
    tab,
    coreBroker(stage, { port: proxy.port, ...fields }),
    ...nodes,
    coreIn('in-barrier', 'barrier/#', 'barrier'),
    coreOut('out'),
    helperNode('barrier'),
    helperNode('got'),
  ];
}

/** Deploys, and answers how often UNSUBSCRIBE was sent because of it. */
async function unsubscribes(
  stage: Stage,
  fields: Record<string, unknown>,
  nodes: readonly FlowNode[],
): Promise<number> {
  const before = proxy.counters.toBroker.unsubscribe ?? 0;
  await stage.deploy(flow(stage, fields, nodes), 'nodes');
  await stage.outBarrier('out');
  return (proxy.counters.toBroker.unsubscribe ?? 0) - before;
}

/** Rows that deploy one after another; each begins with the nodes `in` and `dynamic`. */
const deploys = (fields: Record<string, unknown>, isKept: boolean): Row[] => [
  {
    title: 'a changed in node',
    run: (stage) => unsubscribes(stage, fields, [subscriber({ name: 'changed' }), dynamic()]),
    differs: { by: 'redeploy', core: 1, ours: 0 },
  },
  {
    title: 'dynamic subscriptions of a changed in node',
    async run(stage) {
      stage.flow.input('dynamic', { action: 'subscribe', topic: 'dynamic/x' });
      await stage.outBarrier('out');
      await stage.deploy(flow(stage, fields, [subscriber({ name: 'changed' }), dynamic({ name: 'changed' })]), 'nodes');
      await stage.outBarrier('out');
      const list = () => stage.receivedAt('got', 'subscriptions') as { payload: { topic: string }[] }[];
      stage.flow.input('dynamic', { action: 'getSubscriptions' });
      await waitFor(() => list().length > 0, { what: `${stage.implementation}: the subscriptions` });
      return list().map(({ payload }) => payload.map(({ topic }) => topic));
    },
    differs: { by: 'dynamic', core: [[]], ours: [['dynamic/x']] },
  },
  {
    title: 'another topic',
    run: (stage) => unsubscribes(stage, fields, [coreIn('in', 'other/#', 'got'), dynamic({ name: 'changed' })]),
  },
  {
    title: 'a deleted in node',
    run: (stage) => unsubscribes(stage, fields, [dynamic({ name: 'changed' })]),
    ...(isKept && { differs: { by: 'auto-unsubscribe', core: 1, ours: 0 } as const }),
  },
];

for (const autoUnsubscribe of [true, false]) {
  compare({
    title: `deploys with autoUnsubscribe ${autoUnsubscribe ? 'on' : 'off'}`,
    versions: [4, 5],
    async nodes(stage) {
      proxy = await new MqttProxy({ brokerPort: stage.mosquitto.port }).start();
      return flow(stage, { autoUnsubscribe }, [subscriber(), dynamic()]);
    },
    async ready(stage) {
      await stage.connected();
      await stage.subscribed('barrier');
    },
    done: () => proxy.stop(),
    rows: deploys({ autoUnsubscribe }, !autoUnsubscribe),
  });
}

compare({
  title: 'retained messages after the connection was lost',
  versions: [4, 5],
  options: { settings: { mqttReconnectTime: 100 } },
  async nodes(stage) {
    proxy = await new MqttProxy({ brokerPort: stage.mosquitto.port }).start();
    await stage.publisher.publishAsync('life/retained', 'x', { qos: 1, retain: true });
    return flow(stage, {}, [subscriber()]);
  },
  async ready(stage) {
    await stage.connected();
    await stage.subscribed('barrier');
  },
  done: () => proxy.stop(),
  rows: [
    {
      title: 'come once',
      async run(stage) {
        proxy.cut();
        await waitFor(() => proxy.connectionCount >= 2, { what: 'another connection' });
        await stage.connected();
        await stage.outBarrier('out');
        await stage.inBarrier('barrier');
        return stage.receivedAt('got').length;
      },
    },
  ],
});
