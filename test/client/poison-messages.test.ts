import * as assert from 'node:assert/strict';
import { ManualScheduler } from '../support/manual-scheduler';
import { waitFor } from '../support/wait';
import { Bed, message, mosquitto } from './bed';

describe('a client whose messages are not acknowledged', () => {
  const bed = new Bed();
  const broker = mosquitto();

  for (const endedBy of ['us', 'the peer'] as const) {
    it(`suspects ${endedBy === 'us' ? 'none' : 'one'} of them when ${endedBy} ended the connections`, async () => {
      const proxy = await bed.proxy(broker());
      let sent = 0;
      proxy.onPacket((direction, { cmd }) => {
        if (direction !== 'toBroker' || cmd !== 'publish') return 'forward';
        sent += 1;
        return endedBy === 'us' ? 'drop' : 'cut';
      });
      const client = await bed.openClient({ url: proxy.url, maxReconnectDelayMs: 1 });
      await client.publish(message('a'));
      for (let times = 1; times <= 3; times++) {
        assert.equal(client.statistics().isProbing, false);
        client.connect();
        await waitFor(() => sent === times, { what: 'the message' });
        await (endedBy === 'us'
          ? client.disconnect({ force: true })
          : waitFor(() => !client.connected, { what: 'the end' }));
        await client.disconnect();
      }
      assert.equal(client.statistics().isProbing, endedBy === 'the peer');
    });
  }
});

describe('a message at which the broker ends the connection (node-red 3367)', () => {
  const bed = new Bed();
  const broker = mosquitto();

  for (const protocolVersion of [4, 5] as const) {
    for (const qos of [1, 2] as const) {
      it(`becomes a dead letter, and those behind it go on (MQTT ${protocolVersion}, QoS ${qos})`, async () => {
        const proxy = await bed.proxy(broker());
        const observer = await bed.observer(broker(), 'test');
        let seen = 0;
        proxy.onPacket((direction, packet) => {
          if (direction !== 'toBroker' || packet.cmd !== 'publish' || !packet.payload.includes('poison'))
            return 'forward';
          seen += 1;
          return 'cut';
        });
        const scheduler = new ManualScheduler();
        const client = await bed.openClient({ url: proxy.url, protocolVersion, environment: { scheduler } });
        const poison = client.publish(message('poison', { qos }), { until: 'acknowledged' });
        const told = assert.rejects(poison, { code: 'ERR_MESSAGE_POISONED', message: /ended the connection/ });
        for (const payload of ['good', 'better']) await client.publish(message(payload, { qos }));
        client.connect();
        // Time goes on while packets travel.
        const passes = () => {
          scheduler.advance(200);
          return client.stored.count === 0;
        };
        await waitFor(passes, { what: 'an empty queue', intervalMs: 5, detail: () => JSON.stringify(client.state) });
        await told;
        await observer.waitForAll(['good', 'better'], 5_000);
        assert.equal(observer.on('test').length, 2);
        assert.ok(seen >= 6, `tried ${seen} times`);
        const letters = await client.deadLetters();
        assert.deepEqual(
          letters.map(({ reason, message }) => [reason, message.payload.toString()]),
          [['poisoned', 'poison']],
        );
      });
    }
  }
});
