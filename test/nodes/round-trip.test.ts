import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { completeNode, Flow, helperNode, inNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('a message through out node, broker and in node', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  for (const protocolVersion of [3, 4, 5]) {
    for (const qos of [0, 1, 2]) {
      it(`arrives unchanged and is done once: MQTT ${protocolVersion}, QoS ${qos}`, async () => {
        flow = await Flow.start([
          tab,
          ...session({
            port: mosquitto.port,
            directory: temporaryDirectory(),
            protocolVersion: String(protocolVersion),
          }),
          inNode('in', 'plant/+/level', 'received'),
          outNode('out', { complete: 'acknowledged' }),
          completeNode('completed', 'done', ['out']),
          helperNode('received'),
          helperNode('done'),
        ]);
        await flow.statusState('in', 'connected');
        flow.input('out', { topic: `plant/${qos}/level`, payload: { level: 3.5 }, qos });
        const [msg] = await flow.messages('received', 1);
        assert.equal(msg?.topic, `plant/${qos}/level`);
        assert.deepEqual(msg?.payload, { level: 3.5 });
        assert.equal(msg?.qos, qos);
        assert.equal(msg?.retain, false);
        assert.equal(msg?._topic, msg?.topic);
        assert.ok(!('redelivered' in (msg ?? {})));
        await flow.messages('done', 1);
        assert.equal(flow.received('done').length, 1);
        assert.equal(flow.received('received').length, 1);
      });
    }
  }
});
