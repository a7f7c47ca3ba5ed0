import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { freePort } from '../support/ports';
import { waitFor } from '../support/wait';
import { catchNode, completeNode, Flow, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('the actions connect and disconnect', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  const nodes = (broker: Record<string, unknown>) => [
    tab,
    ...session({ port: mosquitto.port, directory: temporaryDirectory(), ...broker }),
    outNode('out', { topic: 'plant', qos: '1' }),
    catchNode('catch', 'errors', ['out']),
    completeNode('completed', 'done', ['out']),
    helperNode('errors'),
    helperNode('done'),
  ];

  it('rule the connection when autoConnect is off', async () => {
    flow = await Flow.start(nodes({ autoConnect: 'false' }));
    flow.input('out', { payload: 'stored' });
    await flow.messages('done', 1);
    await waitFor(() => flow?.status('out')?.queued === 1, { what: 'the message in the queue' });
    flow.input('out', { action: 'connect' });
    await flow.messages('done', 2);
    await flow.statusState('out', 'connected');
    flow.input('out', { action: 'disconnect' });
    await flow.messages('done', 3);
    await flow.statusState('out', 'disconnected');
    assert.deepEqual(flow.received('errors'), []);
  });

  it('connects now what waits for its next attempt', async () => {
    const port = await freePort();
    const admin = { id: 'admin', type: 'mqtt-session-admin', z: 'tab', broker: 'broker', wires: [['answers']] };
    flow = await Flow.start([...nodes({ port }), admin, helperNode('answers')]);
    const stats = async () => {
      const asked = flow?.received('answers').length ?? 0;
      flow?.input('admin', { action: 'stats' });
      await flow?.messages('answers', asked + 1);
      const answer = flow?.received('answers')[asked]?.payload as { stats: Record<string, number> } | undefined;
      assert.ok(answer, 'stats was not answered');
      return answer.stats;
    };
    const isFarOff = async () => {
      const { nextAttemptAt = 0 } = await stats();
      return nextAttemptAt - Date.now() > 5_000 ? nextAttemptAt : undefined;
    };
    const planned = await waitFor(isFarOff, { what: 'a long pause', timeoutMs: 40_000, intervalMs: 100 });
    const late = await Mosquitto.start({ configuration: [`listener ${port} 127.0.0.1`] });
    try {
      flow.input('out', { action: 'connect' });
      await flow.statusState('out', 'connected');
      const { lastConnectAt = 0 } = await stats();
      assert.ok(lastConnectAt < planned, `connected ${lastConnectAt - planned} ms after the planned attempt`);
    } finally {
      await flow.stop();
      await late.remove();
    }
  }).timeout(60_000);

  it('replace settings only while disconnected, or by force', async () => {
    flow = await Flow.start(nodes({ port: await freePort(), autoConnect: false }));
    flow.input('out', { action: 'connect' });
    await flow.messages('errors', 1);
    assert.equal(flow.caught('errors')[0]?.error.code, 'ERR_BROKER_UNREACHABLE');
    flow.input('out', { action: 'connect', broker: { port: mosquitto.port } });
    await waitFor(() => flow?.caught('errors').some(({ error }) => error.code === 'ERR_CONNECTED_ALREADY'), {
      what: 'the refusal',
      detail: () => JSON.stringify(flow?.received('errors')),
    });
    flow.input('out', { action: 'connect', broker: { port: mosquitto.port, force: true } });
    await flow.messages('done', 1);
    await flow.statusState('out', 'connected');
  });

  it('end in the last one wanted, however quickly they come', async () => {
    flow = await Flow.start(nodes({}));
    await flow.statusState('out', 'connected');
    const force = { action: 'connect', broker: { keepalive: 30, force: true } };
    flow.input('out', { ...force });
    flow.input('out', { ...force });
    flow.input('out', { action: 'disconnect' });
    flow.input('out', { action: 'connect' });
    await waitFor(() => (flow ? flow.received('done').length + flow.received('errors').length : 0) === 4, {
      what: 'each action to be answered once',
      detail: () => JSON.stringify([flow?.received('done'), flow?.received('errors')]),
    });
    await flow.statusState('out', 'connected');
    flow.input('out', { payload: 'through' });
    await flow.messages('done', flow.received('done').length + 1);
  });
});
