import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { Publisher } from '../support/observer';
import { catchNode, completeNode, Flow, helperNode, inNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('an in node that subscribes at run time', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  const nodes = (directory: string, protocolVersion = 5) => [
    tab,
    ...session({
      port: mosquitto.port,
      directory,
      protocolVersion,
      clientid: `dynamic-${protocolVersion}-${directory.slice(-6)}`,
    }),
    inNode('in', '', 'received', { inputs: 1 }),
    outNode('out', { qos: '1' }),
    catchNode('catch', 'errors'),
    completeNode('completed', 'done', ['in']),
    helperNode('received'),
    helperNode('errors'),
    helperNode('done'),
  ];

  for (const protocolVersion of [4, 5]) {
    it(`finds its subscriptions again after a restart, with their options: MQTT ${protocolVersion}`, async () => {
      const directory = temporaryDirectory();
      flow = await Flow.start(nodes(directory, protocolVersion));
      await flow.statusState('in', 'connected');
      flow.input('in', {
        action: 'subscribe',
        topic: ['plant/a', { topic: 'plant/b', qos: 1, datatype: 'base64' }],
      });
      const [subscribed] = await flow.messages('done', 1);
      const options = protocolVersion === 5 ? { rh: 0, rap: true } : {};
      const expected = [
        { topic: 'plant/a', qos: 2, ...options },
        { topic: 'plant/b', qos: 1, datatype: 'base64', ...options },
      ];
      assert.deepEqual(subscribed?.subscriptions, expected);
      flow.input('out', { topic: 'plant/b', payload: 'one' });
      assert.equal((await flow.messages('received', 1))[0]?.payload, Buffer.from('one').toString('base64'));
      await flow.stop();

      // What comes meanwhile collects at the broker.
      const publisher = await Publisher.start({ port: mosquitto.port });
      await publisher.publish('plant/b', 'two', 1);
      await publisher.stop();

      flow = await Flow.start(nodes(directory, protocolVersion));
      assert.equal((await flow.messages('received', 1))[0]?.payload, Buffer.from('two').toString('base64'));
      flow.input('in', { action: 'getSubscriptions' });
      const list = await flow.messages('received', 2);
      assert.deepEqual(list[1]?.payload, expected);
      assert.equal(list[1]?.topic, 'subscriptions');

      flow.input('in', { action: 'unsubscribe', topic: 'plant/b' });
      flow.input('in', { action: 'getSubscriptions' });
      const remaining = await flow.messages('received', 3);
      assert.deepEqual(remaining[2]?.payload, expected.slice(0, 1));
      flow.input('in', { action: 'unsubscribe', topic: true });
      flow.input('in', { action: 'getSubscriptions' });
      assert.deepEqual((await flow.messages('received', 4))[3]?.payload, []);
    });
  }

  it('refuses what it does not understand, with one error each and nothing subscribed', async () => {
    flow = await Flow.start(nodes(temporaryDirectory()));
    await flow.statusState('in', 'connected');
    flow.input('in', { topic: 'plant/a' });
    flow.input('in', { action: 'jump', topic: 'plant/a' });
    flow.input('in', { action: 'subscribe', topic: 5 });
    flow.input('in', { action: 'subscribe', topic: ['plant/good', 'plant/#/bad'] });
    flow.input('in', { action: 'subscribe', topic: { topic: '$share/group/plant', nl: true } });
    await flow.messages('errors', 5);
    assert.deepEqual(
      flow
        .caught('errors')
        .map(({ error }) => error.code)
        .sort(),
      ['ERR_ACTION', 'ERR_ACTION', 'ERR_FILTER', 'ERR_FILTER', 'ERR_SUBSCRIPTION'],
    );
    flow.input('in', { action: 'getSubscriptions' });
    assert.deepEqual((await flow.messages('received', 1))[0]?.payload, []);
  });
});
