import * as assert from 'node:assert/strict';
import { connectAsync } from 'mqtt';
import type { ReceivedMessage } from '../../src/client/router';
import { Publisher } from '../support/observer';
import { waitFor } from '../support/wait';
import { Bed, mosquitto } from './bed';

const REQUEST = { qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;

describe('a session that the broker has lost, and the only CONNACK that said so', () => {
  const bed = new Bed();
  const broker = mosquitto();

  for (const protocolVersion of [4, 5] as const) {
    for (const lostWith of ['the connection', 'the process'] as const) {
      it(`is lost with ${lostWith}: messages come all the same (MQTT ${protocolVersion})`, async () => {
        const clientId = `unanswered-${protocolVersion}-${lostWith.replace(' ', '-')}`;
        const topic = `${clientId}/in`;
        const proxy = await bed.proxy(broker());
        const settings = { clientId, url: proxy.url, protocolVersion };
        const received: string[] = [];
        const write = ({ payload }: ReceivedMessage) => void received.push(payload.toString());
        const earlier = await bed.connectedClient(settings);
        earlier.subscribe('user', { filter: topic, ...REQUEST }, write);
        await waitFor(() => earlier.subscriptions().some(({ state }) => state === 'active'), { what: 'SUBACK' });

        await proxy.refuse(true);
        proxy.cut();
        const thief = await connectAsync(broker().url, { clientId, protocolVersion, clean: true });
        await thief.endAsync();
        const lost = proxy.once((direction, packet) => direction === 'toClient' && packet.cmd === 'connack', 'cut');
        await proxy.refuse(false);
        const connack = await lost;
        assert.equal(connack.cmd === 'connack' && connack.sessionPresent, false);
        if (lostWith === 'the process') {
          await earlier.close();
          const later = await bed.openClient(settings);
          later.subscribe('user', { filter: topic, ...REQUEST }, write);
          later.connect();
        }

        const present = () =>
          proxy.events.filter(({ packet }) => packet.cmd === 'connack').at(-1)?.packet.sessionPresent;
        await waitFor(() => present() === true, { what: 'Session Present 1', timeoutMs: 20_000 });
        const publisher = await Publisher.start({ port: broker().port });
        try {
          let number = 0;
          const comes = async () => {
            await publisher.publish(topic, `${++number}`, 1);
            return received.length > 0;
          };
          await waitFor(comes, { what: 'a message', intervalMs: 50, detail: () => proxy.recent() });
        } finally {
          await publisher.stop();
        }
        proxy.assertClean();
      });
    }
  }
});
