import * as assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { Observer, Publisher } from '../support/observer';
import { doubledIn, missingIn, type ObservedMessage, outOfOrderIn } from '../support/observer/sequence';
import { MqttProxy } from '../support/proxy';
import { waitFor } from '../support/wait';

describe('observer and publisher', function () {
  this.timeout(30_000);
  let broker: Mosquitto;
  let proxy: MqttProxy;
  let observer: Observer | undefined;
  let publisher: Publisher | undefined;

  beforeEach(async () => {
    broker = await Mosquitto.start();
    proxy = await new MqttProxy({ brokerPort: broker.port }).start();
  });

  afterEach(async () => {
    await observer?.stop();
    await publisher?.stop();
    await proxy.stop();
    await broker.remove();
    observer = undefined;
    publisher = undefined;
  });

  for (const protocolVersion of [4, 5] as const) {
    it(`gets every QoS 2 message through once and in order, whatever breaks (version ${protocolVersion})`, async () => {
      observer = await Observer.start({ port: proxy.port, protocolVersion });
      publisher = await Publisher.start({ port: proxy.port, protocolVersion });
      const expected = Array.from({ length: 600 }, (_unused, index) => `message ${index}`);
      const published = expected.map((payload) => publisher!.publish('line/1', payload, 2));
      for (const step of ['pubrec', 'pubrel', 'pubcomp', 'publish']) {
        await proxy.once((_direction, packet) => packet.cmd === step, 'cut');
      }
      await waitFor(() => observer!.messages.length > 100, { what: 'some messages' });
      proxy.cut();
      await broker.restart();
      await Promise.all(published);
      await observer.waitForAll(expected);
      assert.deepEqual(observer.doubled(), []);
      assert.deepEqual(observer.outOfOrder(), []);
      assert.equal(observer.messages.length, 600);
      assert.equal(observer.sessionsLost + publisher.sessionsLost, 0);
      await waitFor(() => proxy.checker.unsettled().length === 0, {
        what: 'a settled link',
        detail: () => `${proxy.checker.unsettled().join('\n')}\n${proxy.recent()}`,
      });
      proxy.checker.assertSettled();
    });
  }

  it('finds what is missing, doubled and out of order', () => {
    const messages = [1, 2, 4, 3, 3, 6].map(
      (number): ObservedMessage => ({ topic: 'a', payload: `{"seq":${number}}`, qos: 1, dup: false, retain: false }),
    );
    const payloads = (list: ObservedMessage[]) => list.map((message) => message.payload);
    assert.deepEqual(missingIn(messages, ['{"seq":5}', '{"seq":6}']), ['{"seq":5}']);
    assert.deepEqual(payloads(doubledIn(messages)), ['{"seq":3}']);
    assert.deepEqual(payloads(outOfOrderIn(messages)), ['{"seq":3}']);
    assert.deepEqual(outOfOrderIn([messages[2]!, { ...messages[3]!, topic: 'b' }]), []);
    assert.deepEqual(outOfOrderIn([messages[2]!, { ...messages[3]!, qos: 2 }]), []);
    assert.throws(() => outOfOrderIn([{ ...messages[0]!, payload: 'none' }]), /no sequence number/);
  });

  it('knows when the broker has lost its session, and subscribes again', async () => {
    observer = await Observer.start({ port: proxy.port });
    const other = await Mosquitto.start();
    try {
      proxy.retarget(other.port);
      proxy.cut();
      await waitFor(() => observer!.sessionsLost === 1, { what: 'the loss to be noticed' });
      await waitFor(() => proxy.counters.toClient.suback === 2, { what: 'the second SUBACK' });
      publisher = await Publisher.start({ port: other.port });
      await publisher.publish('a', 'message 1');
      await observer.waitForAll(['message 1']);
    } finally {
      await other.remove();
    }
  });
});
