import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { completeNode, Flow, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('QoS 2 with clean sessions', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  for (const cleansession of [true, false]) {
    it(`${cleansession ? 'is warned of once' : 'off: there is no warning'}`, async () => {
      flow = await Flow.start([
        tab,
        ...session({ port: mosquitto.port, directory: temporaryDirectory(), cleansession }),
        outNode('out', { topic: 'plant', complete: 'acknowledged' }),
        completeNode('completed', 'done', ['out']),
        helperNode('done'),
      ]);
      await flow.statusState('out', 'connected');
      for (const qos of [1, 2, 2]) flow.input('out', { payload: 'x', qos });
      await flow.messages('done', 3);
      const texts = flow.logged.filter(({ text }) => text.includes('clean-session'));
      assert.equal(texts.length, cleansession ? 1 : 0);
    });
  }
});
