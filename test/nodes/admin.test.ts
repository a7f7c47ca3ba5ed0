import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { Publisher } from '../support/observer';
import { waitFor } from '../support/wait';
import { catchNode, Flow, type FlowNode, helperNode, inNode, outNode, session, tab, temporaryDirectory } from './flow';

type Answer = { code: number; action: string; clientId?: string } & Record<string, unknown>;

describe('the admin node', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  function nodes(broker: Record<string, unknown> = {}, admin: Record<string, unknown> = {}): FlowNode[] {
    return [
      tab,
      ...session({ port: mosquitto.port, directory: temporaryDirectory(), ...broker }),
      inNode('in', 'plant/#', 'received'),
      outNode('out', { qos: '2' }),
      {
        id: 'admin',
        type: 'mqtt-session-admin',
        z: 'tab',
        x: 0,
        y: 0,
        broker: 'broker',
        action: '',
        wires: [['answers']],
        ...admin,
      },
      catchNode('catch', 'errors', ['admin']),
      helperNode('received'),
      helperNode('answers'),
      helperNode('errors'),
    ];
  }

  async function ask(msg: Record<string, unknown>): Promise<Answer> {
    const running = flow as Flow;
    const count = running.received('answers').length;
    running.input('admin', msg);
    return (await running.messages('answers', count + 1)).at(-1)?.payload as Answer;
  }

  it('answers info, list, exists, stats and save about an open session', async () => {
    flow = await Flow.start(nodes());
    await flow.statusState('in', 'connected');
    flow.input('out', { topic: 'plant/level', payload: 'x' });
    await flow.messages('received', 1);
    const unsaved = (await ask({ action: 'info' })) as unknown as { info: Record<string, unknown> };
    assert.match(String(unsaved.info.broker), /^mqtt:\/\/.*:\d+$/, 'as it is now, not as of the last snapshot');
    assert.deepEqual(await ask({ action: 'save' }), { code: 0, action: 'save', clientId: 'flow-test' });
    assert.equal((await ask({ action: 'exists' })).exists, true);
    assert.equal((await ask({ action: 'exists', clientId: 'nobody' })).exists, false);
    const { info } = (await ask({ action: 'info' })) as unknown as { info: Record<string, unknown> };
    assert.equal(info.open, true);
    assert.equal(info.connected, true);
    assert.equal(info.orphaned, false);
    assert.equal(info.asOf, 'now');
    assert.deepEqual(info.subscriptions, [{ topic: 'plant/#', qos: 2, active: true, state: 'active' }]);
    const { sessions } = (await ask({ action: 'list' })) as unknown as { sessions: { clientId: string }[] };
    assert.deepEqual(
      sessions.map(({ clientId }) => clientId),
      ['flow-test'],
    );
    const { stats } = (await ask({ action: 'stats' })) as unknown as { stats: Record<string, number> };
    assert.equal(stats.messagesSent, 1);
    assert.equal(stats.messagesReceived, 1);
    assert.equal(flow.received('errors').length, 0);
  });

  it('passes on what else is in the message, and obeys its own settings first', async () => {
    flow = await Flow.start(nodes({}, { action: 'exists', clientId: 'nobody' }));
    await flow.statusState('in', 'connected');
    const answer = await ask({ action: 'delete', clientId: 'flow-test', marker: 7 });
    assert.deepEqual(answer, { code: 0, action: 'exists', clientId: 'nobody', exists: false });
    assert.equal(flow.received('answers')[0]?.marker, 7);
  });

  it('deletes a session in use, which starts again empty and working', async () => {
    flow = await Flow.start(nodes({ autoConnect: false, clientid: 'deleted' }));
    for (let number = 0; number < 5; number++) flow.input('out', { topic: 'plant/old', payload: number });
    await waitFor(() => flow?.status('out')?.queued === 5, {
      what: 'the queue',
      detail: () => JSON.stringify(flow?.statuses),
    });
    assert.equal((await ask({ action: 'delete' })).code, 0);
    const { info } = (await ask({ action: 'info' })) as unknown as { info: { messages: number } };
    assert.equal(info.messages, 0);
    assert.equal((await ask({ action: 'connect' })).code, 0);
    await flow.statusState('in', 'connected');
    flow.input('out', { topic: 'plant/new', payload: 'x' });
    const [msg] = await flow.messages('received', 1);
    assert.equal(msg?.topic, 'plant/new');
    assert.equal((await ask({ action: 'disconnect' })).code, 0);
    await flow.statusState('in', 'disconnected');
  });

  it('ends the session at the broker too when asked', async () => {
    flow = await Flow.start(nodes({ clientid: 'cleared' }));
    await flow.statusState('in', 'connected');
    const publisher = await Publisher.start({ port: mosquitto.port });
    assert.equal((await ask({ action: 'disconnect' })).code, 0);
    await publisher.publish('plant/forgotten', 'x', 1);
    assert.deepEqual(await ask({ action: 'delete', clearAtBroker: true }), {
      code: 0,
      action: 'delete',
      clientId: 'cleared',
    });
    assert.equal((await ask({ action: 'connect' })).code, 0);
    flow.input('out', { topic: 'plant/new', payload: 'x' });
    const [msg] = await flow.messages('received', 1);
    assert.equal(msg?.topic, 'plant/new');
    await publisher.stop();
  });

  it('takes no client id that is no text for its own session', async () => {
    flow = await Flow.start(nodes({ autoConnect: false, clientid: 'own' }));
    flow.input('out', { topic: 'plant/kept', payload: 'x' });
    await waitFor(() => flow?.status('out')?.queued === 1, { what: 'the queue' });
    for (const clientId of [{}, ['own'], true, () => 'own']) {
      const { code, error } = await ask({ action: 'delete', clientId });
      assert.deepEqual([code, (error as { code: string }).code], [-1, 'ERR_PROPERTY']);
    }
    for (const clientId of [7, '  ', ' own']) {
      const { code, error } = await ask({ action: 'delete', clientId });
      assert.deepEqual([code, (error as { code: string }).code], [-1, 'ERR_SESSION_UNKNOWN']);
    }
    const { info } = (await ask({ action: 'info', clientId: '' })) as unknown as { info: { messages: number } };
    assert.equal(info.messages, 1);
  });

  it('answers -1 and tells Catch for an unknown action and an unknown client id', async () => {
    flow = await Flow.start(nodes());
    await flow.statusState('in', 'connected');
    const cases: [Record<string, unknown>, string][] = [
      [{ action: 'explode' }, 'ERR_ACTION'],
      [{}, 'ERR_ACTION'],
      [{ action: 'info', clientId: 'nobody' }, 'ERR_SESSION_UNKNOWN'],
      [{ action: 'delete', clientId: 'nobody' }, 'ERR_SESSION_UNKNOWN'],
      [{ action: 'save', clientId: 'nobody' }, 'ERR_SESSION_UNKNOWN'],
      [{ action: 'stats', clientId: 'nobody' }, 'ERR_SESSION_UNKNOWN'],
    ];
    for (const [msg, code] of cases) {
      const answer = await ask({ ...msg });
      assert.equal(answer.code, -1);
      assert.equal((answer.error as { code: string }).code, code);
    }
    await flow.messages('errors', cases.length);
    assert.deepEqual(
      flow.caught('errors').map(({ error }) => error.code),
      cases.map(([, code]) => code),
    );
    assert.equal((await ask({ action: 'exists' })).exists, true);
  });
});
