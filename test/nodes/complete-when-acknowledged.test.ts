import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { waitFor } from '../support/wait';
import { catchNode, completeNode, Flow, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('an out node that completes when the broker has acknowledged (node-red 1283)', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  beforeEach(() => mosquitto.stop());
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  const nodes = (clientid: string) => [
    tab,
    ...session({ port: mosquitto.port, directory: temporaryDirectory(), clientid }),
    outNode('out', { topic: 'plant', qos: '2', complete: 'acknowledged' }),
    outNode('quick', { topic: 'plant', qos: '2' }),
    // The helper can load one Complete node only.
    completeNode('completed', 'done', ['out', 'quick']),
    catchNode('catch', 'errors', ['out']),
    helperNode('done'),
    helperNode('errors'),
  ];

  it('waits as long as the broker is away', async () => {
    flow = await Flow.start(nodes('waits'));
    flow.input('out', { payload: 1 });
    flow.input('quick', { payload: 2 });
    await flow.messages('done', 1);
    assert.deepEqual(payloads(flow), ['2']);
    await mosquitto.start();
    await flow.messages('done', 2);
    await waitFor(() => flow?.status('out')?.state === 'connected', { what: 'the connection' });
    assert.deepEqual(payloads(flow), ['2', '1']);
  });

  it('completes what is stored when the broker node is deployed anew, and delivers it later', async () => {
    const all = nodes('deployed');
    flow = await Flow.start(all);
    flow.input('out', { payload: 1 });
    flow.input('quick', { payload: 2 });
    await flow.messages('done', 1);
    await flow.deploy(
      all.map((node) => (node.id === 'broker' ? { ...node, keepalive: 30 } : node)),
      'nodes',
    );
    await flow.messages('done', 2);
    await waitFor(() => flow?.status('out')?.queued === 2, { what: 'both messages in the queue' });
    await mosquitto.start();
    await flow.statusState('out', 'connected');
    assert.deepEqual(payloads(flow), ['2', '1']);
    assert.equal(flow.received('errors').filter(({ payload }) => payload !== undefined).length, 0);
  });

  it('waits for so many only: what comes beyond is done when it is stored, and says so', async () => {
    flow = await Flow.start(nodes('bounded'));
    const large = Buffer.alloc(9 * 1024 * 1024);
    for (const payload of [large, large, 'beyond']) flow.input('out', { payload });
    await flow.messages('done', 1);
    assert.deepEqual(payloads(flow), ['beyond']);
    const running = flow;
    await waitFor(() => running.logged.some(({ text }) => text.includes('too-many-pending')), { what: 'the warning' });
    await mosquitto.start();
    await flow.messages('done', 3);
    // There is room again.
    await mosquitto.stop();
    await waitFor(() => running.status('out')?.state !== 'connected', { what: 'the loss of the connection' });
    flow.input('out', { payload: 'waits' });
    flow.input('quick', { payload: 'stored' });
    await flow.messages('done', 4);
    assert.equal(payloads(flow).at(-1), 'stored');
  });
});

function payloads(flow: Flow): unknown[] {
  return flow.received('done').map(({ payload }) => payload);
}
