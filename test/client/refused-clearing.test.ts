import * as assert from 'node:assert/strict';
import { ManualScheduler } from '../support/manual-scheduler';
import { waitFor } from '../support/wait';
import { Bed, message, mosquitto } from './bed';

describe('a session of the broker that is new to us, in which no identifier can be cleared', () => {
  const bed = new Bed();
  const broker = mosquitto();

  for (const protocolVersion of [4, 5] as const) {
    it(`is thrown away by one clean start, and every message arrives once (MQTT ${protocolVersion})`, async () => {
      const proxy = await bed.proxy(broker());
      const clientId = `refuses-clearing-${protocolVersion}`;
      const earlier = await bed.connectedClient({ clientId, url: proxy.url, protocolVersion });
      await earlier.close();
      const observer = await bed.observer(broker(), 'test');
      const cleanStarts: boolean[] = [];
      let published = 0;
      proxy.onPacket((direction, packet) => {
        if (direction === 'toBroker' && packet.cmd === 'connect') cleanStarts.push(packet.clean === true);
        if (direction === 'toBroker' && packet.cmd === 'publish') published += 1;
        return direction === 'toBroker' && packet.cmd === 'pubrel' && published === 0 ? 'cut' : 'forward';
      });
      const scheduler = new ManualScheduler();
      const store = await bed.store({ path: `${bed.directory}/another-store-${protocolVersion}` });
      const client = await bed.openClient({
        clientId,
        store,
        url: proxy.url,
        protocolVersion,
        environment: { scheduler },
      });
      const reports: string[] = [];
      client.on('report', ({ kind }) => reports.push(kind));
      for (const payload of ['a', 'b']) await client.publish(message(payload, { qos: 2 }));
      client.connect();
      const passes = () => {
        scheduler.advance(200);
        return client.stored.count === 0;
      };
      await waitFor(passes, { what: 'an empty queue', intervalMs: 5, detail: () => JSON.stringify(client.state) });
      await observer.waitForAll(['a', 'b'], 5_000);
      assert.equal(observer.on('test').length, 2);
      assert.deepEqual(reports, ['session-adopted', 'session-cleared']);
      assert.equal(cleanStarts.filter(Boolean).length, 1);
      assert.equal(cleanStarts.at(-1), false, 'the session that is used is one that lasts');
      assert.deepEqual(await client.deadLetters(), []);
    });
  }
});
