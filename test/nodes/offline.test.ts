import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import { completeNode, Flow, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('messages published while the broker is away (node-red 2864, 1079)', () => {
  let mosquitto: Mosquitto;
  let observer: Observer;
  let flow: Flow | undefined;
  const directory = temporaryDirectory();
  before(async () => {
    mosquitto = await Mosquitto.start();
    observer = await Observer.start({ port: mosquitto.port });
  });
  afterEach(() => flow?.stop());
  after(async () => {
    await observer.stop();
    await mosquitto.remove();
  });

  const nodes = () => [
    tab,
    ...session({ port: mosquitto.port, directory }),
    outNode('out', { topic: 'plant/level', qos: '2' }),
    completeNode('completed', 'done', ['out']),
    helperNode('done'),
  ];

  it('are done when stored, counted in the status, survive a restart, and are delivered in order', async () => {
    await mosquitto.stop();
    flow = await Flow.start(nodes());
    for (let number = 1; number <= 50; number++) flow.input('out', { payload: number });
    await flow.messages('done', 50);
    const status = await waitFor(() => (flow?.status('out')?.queued === 50 ? flow.status('out') : undefined), {
      what: 'status with 50 queued messages',
      detail: () => JSON.stringify(flow?.statuses),
    });
    assert.equal(status.fill, 'red');
    assert.match(status.text ?? '', /^disconnected: /);
    await flow.stop();

    flow = await Flow.start(nodes());
    for (let number = 51; number <= 60; number++) flow.input('out', { payload: number });
    await flow.messages('done', 10);
    await mosquitto.start();
    await waitFor(() => observer.on('plant/level').length >= 60, { what: '60 messages', timeoutMs: 9_000 });
    const payloads = observer.on('plant/level').map(({ payload }) => Number(payload));
    assert.deepEqual(
      payloads,
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    assert.equal(flow.received('done').length, 10);
    await waitFor(() => flow?.status('out')?.text === 'node-red:common.status.connected', { what: 'plain status' });
  }).timeout(30_000);
});
