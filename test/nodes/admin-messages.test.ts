import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import { adminFlow, ask } from './admin-flow';
import { Flow, type FlowNode, helperNode, inNode, temporaryDirectory } from './flow';

/** Above what the broker takes. */
const TOO_LARGE = 'x'.repeat(2_000);

describe('the admin node: messages', () => {
  let mosquitto: Mosquitto;
  let observer: Observer;
  let flow: Flow;
  let settings: Parameters<typeof adminFlow>[0];
  let tests = 0;
  before(async () => {
    mosquitto = await Mosquitto.start({ configuration: ['max_packet_size 1000'] });
    observer = await Observer.start({ port: mosquitto.port, filter: '#' });
  });
  afterEach(() => flow.stop());
  after(async () => {
    await observer.stop();
    await mosquitto.remove();
  });

  async function start(broker: Record<string, unknown> = {}, more: FlowNode[] = []): Promise<string> {
    const clientid = `messages-${++tests}`;
    settings = { port: mosquitto.port, directory: temporaryDirectory(), clientid, protocolVersion: 5, ...broker };
    flow = await Flow.start(adminFlow(settings, more));
    return clientid;
  }

  async function queue(count: number, topic: string): Promise<void> {
    for (let number = 0; number < count; number++) flow.input('out', { topic, payload: String(number) });
    await waitFor(() => flow.status('out')?.queued === count, { what: 'the queue' });
  }

  it('pause and resume: nothing is sent in between, also after a deploy', async () => {
    const clientid = await start();
    await flow.statusState('out', 'connected');
    assert.equal((await ask(flow, { action: 'pause' })).code, 0);
    flow.input('out', { topic: `${clientid}/paused`, payload: 'x' });
    await waitFor(() => flow.status('out')?.state === 'paused', { what: 'the status' });
    await flow.deploy(adminFlow({ ...settings, keepalive: 30 }), 'full');
    const { info } = (await ask(flow, { action: 'info' })) as unknown as { info: Record<string, unknown> };
    assert.deepEqual([info.paused, info.messages], [true, 1]);
    assert.equal(observer.messages.filter(({ topic }) => topic === `${clientid}/paused`).length, 0);
    assert.equal((await ask(flow, { action: 'resume' })).code, 0);
    await waitFor(() => observer.messages.some(({ topic }) => topic === `${clientid}/paused`), { what: 'the message' });
  });

  it('flush waits for the acknowledgements, as long as it is told', async () => {
    const clientid = await start({ autoConnect: false });
    await queue(5, `${clientid}/flush`);
    assert.equal((await ask(flow, { action: 'flush', timeout: 50 })).flushed, false);
    assert.equal((await ask(flow, { action: 'connect' })).code, 0);
    assert.deepEqual(await ask(flow, { action: 'flush', timeout: 5_000 }), {
      code: 0,
      action: 'flush',
      clientId: clientid,
      flushed: true,
    });
    await waitFor(() => observer.messages.filter(({ topic }) => topic === `${clientid}/flush`).length === 5, {
      what: 'all messages',
    });
  });

  it('purge empties the queue, and says what was in it', async () => {
    const clientid = await start({ autoConnect: false });
    await queue(4, `${clientid}/purged`);
    const { code, count, bytes } = await ask(flow, { action: 'purge' });
    assert.deepEqual([code, count], [0, 4]);
    assert.ok(Number(bytes) > 4 * 10);
    await ask(flow, { action: 'connect' });
    assert.equal((await ask(flow, { action: 'flush', timeout: 5_000 })).flushed, true);
    assert.equal(observer.messages.filter(({ topic }) => topic === `${clientid}/purged`).length, 0);
  });

  it('failed, replay and discard: what the broker does not take is kept with its reason', async () => {
    const clientid = await start();
    await flow.statusState('out', 'connected');
    for (const number of [1, 2, 3]) flow.input('out', { topic: `${clientid}/large/${number}`, payload: TOO_LARGE });
    const list = async () =>
      (await ask(flow, { action: 'failed' })).failed as {
        id: number;
        reason: string;
        message: { topic: string; payload: Buffer };
      }[];
    await waitFor(async () => (await list()).length === 3, { what: 'dead letters', intervalMs: 50 });
    const letters = await list();
    assert.deepEqual(
      letters.map(({ reason, message }) => [reason, message.topic]),
      [1, 2, 3].map((number) => ['packet-too-large', `${clientid}/large/${number}`]),
    );
    assert.equal(letters[0]?.message.payload.toString(), TOO_LARGE);
    const ids = letters.map(({ id }) => id);
    const page = await ask(flow, { action: 'failed', limit: 2 });
    assert.deepEqual([(page.failed as unknown[]).length, page.next], [2, ids[1]]);
    assert.equal(((await ask(flow, { action: 'failed', after: page.next })).failed as unknown[]).length, 1);

    assert.equal((await ask(flow, { action: 'discard', ids: [ids[0]] })).count, 1);
    assert.equal((await list()).length, 2);
    // Still too large: it comes back, under another id.
    assert.equal((await ask(flow, { action: 'replay', ids: [ids[1]] })).count, 1);
    await waitFor(async () => (await list()).some(({ id }) => id > (ids[2] ?? 0)), {
      what: 'its return',
      intervalMs: 50,
    });
    const { info } = (await ask(flow, { action: 'info' })) as unknown as { info: { deadLetters: { count: number } } };
    assert.equal(info.deadLetters.count, 2);
    assert.equal((await ask(flow, { action: 'discard' })).count, 2);
    assert.deepEqual((await ask(flow, { action: 'failed' })).failed, []);
  });

  it('stats and reset-stats: counters start anew', async () => {
    const clientid = await start();
    await flow.statusState('out', 'connected');
    flow.input('out', { topic: `${clientid}/counted`, payload: 'x' });
    await ask(flow, { action: 'flush' });
    const sent = async () => ((await ask(flow, { action: 'stats' })).stats as Record<string, number>).messagesSent;
    assert.equal(await sent(), 1);
    assert.equal((await ask(flow, { action: 'reset-stats' })).code, 0);
    assert.equal(await sent(), 0);
  });

  it('ack acknowledges what an in node has received, once', async () => {
    const manual = inNode('in', 'manual/#', 'received', { acknowledge: 'manual', qos: '1' });
    const clientid = await start({}, [manual, helperNode('received')]);
    await flow.statusState('in', 'connected');
    flow.input('out', { topic: 'manual/1', payload: 'x' });
    const [received] = await flow.messages('received', 1);
    // As flows pass it on: cloned, or through JSON.
    const mqttAck: unknown = JSON.parse(JSON.stringify((received as { mqttAck?: unknown }).mqttAck));
    const waiting = async () =>
      ((await ask(flow, { action: 'stats' })).stats as Record<string, number>).unacknowledgedMessages;
    assert.equal(await waiting(), 1);
    assert.deepEqual(await ask(flow, { action: 'ack', mqttAck }), { code: 0, action: 'ack', clientId: clientid });
    assert.equal(await waiting(), 0);
    const again = await ask(flow, { action: 'ack', mqttAck });
    assert.deepEqual([again.code, again.error?.code], [-1, 'ERR_ACKNOWLEDGED']);
  });

  it('says what is wrong with a property', async () => {
    await start();
    await flow.statusState('out', 'connected');
    const wrong: Record<string, unknown>[] = [
      { action: 'replay', ids: ['1'] },
      { action: 'discard', ids: [0] },
      { action: 'failed', limit: 0 },
      { action: 'flush', timeout: 'soon' },
      { action: 'delete', clearAtBroker: 'yes' },
      { action: 'export', format: 'xml' },
      { action: 'import' },
      { action: 'adopt' },
    ];
    for (const msg of wrong) {
      const { code, error } = await ask(flow, { ...msg });
      assert.deepEqual([code, error?.code], [-1, 'ERR_PROPERTY'], JSON.stringify(msg));
    }
    const { code, error } = await ask(flow, { action: 'ack', mqttAck: { session: 'x' } });
    assert.deepEqual([code, error?.code], [-1, 'ERR_ACKNOWLEDGEMENT']);
    await flow.messages('errors', wrong.length + 1);
  });
});
