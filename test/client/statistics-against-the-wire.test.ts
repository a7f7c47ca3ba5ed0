import * as assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { connectAsync } from 'mqtt';
import type { SessionClient } from '../../src/client/session-client';
import type { QoS } from '../../src/session/message';
import { ManualScheduler } from '../support/manual-scheduler';
import type { Mosquitto } from '../support/mosquitto';
import { Publisher } from '../support/observer/publisher';
import { waitFor } from '../support/wait';
import { Bed, type ClientSettings, connect, drained, message, mosquitto, numbers, request } from './bed';
import { Wire } from './wire';

const VERSIONS = [4, 5] as const;
const QUALITIES: readonly QoS[] = [0, 1, 2];
/** Longer than any pause between two attempts. */
const NEXT_ATTEMPT_MS = 60_000;

describe('statistics, against what a proxy in between saw:', function () {
  this.timeout(20_000);
  const bed = new Bed();
  const directory = mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-acl-'));
  const aclFile = path.join(directory, 'acl');
  writeFileSync(aclFile, 'topic readwrite test/#\n', { mode: 0o600 });
  after(() => rmSync(directory, { recursive: true }));
  // Without a limit Mosquitto 2.0.11 closes the connection at every message that it refuses.
  const broker = mosquitto({ maxQueuedMessages: 1_000, configuration: [`acl_file ${aclFile}`] });

  const wireTo = async (to: Mosquitto) => new Wire(await bed.proxy(to));

  /** With the session's clock in the hand of the test. */
  async function clientThrough(wire: Wire, settings: ClientSettings) {
    const scheduler = new ManualScheduler();
    const client = await bed.openClient({
      url: wire.proxy.url,
      clientId: `wire-${wire.proxy.port}-${settings.protocolVersion}`,
      environment: { scheduler },
      ...settings,
    });
    return { client, scheduler };
  }

  /** The lost connection is made again. */
  async function reconnect(client: SessionClient, scheduler: ManualScheduler): Promise<void> {
    await waitFor(() => linkOf(client) === 'waiting', { what: 'the end of the connection' });
    scheduler.advance(NEXT_ATTEMPT_MS);
    await waitFor(() => client.connected, { what: 'the next connection' });
  }

  for (const protocolVersion of VERSIONS) {
    describe(`MQTT ${protocolVersion === 5 ? '5.0' : '3.1.1'}`, () => {
      it('messages and bytes, out and in, with birth and close messages', async () => {
        const wire = await wireTo(broker());
        const [birth, close] = ['here', 'gone'].map((text) => {
          return { topic: 'test/state', payload: Buffer.from(text), qos: 1, retain: false } as const;
        });
        const { client } = await clientThrough(wire, { protocolVersion, birth: birth!, close: close! });
        client.subscribe('user', request('test/data', 2), () => undefined);
        await connect(client);
        await waitFor(() => client.subscriptions()[0]?.state === 'active', { what: 'the subscription' });
        for (const qos of QUALITIES) {
          for (const payload of numbers(10)) await client.publish(message(payload, { topic: 'test/data', qos }));
        }
        await drained(client);
        await waitFor(() => client.statistics().delivered === 30, { what: 'all messages back' });
        // What comes in behind DISCONNECT is not read any more.
        await waitFor(() => wire.completed === 10, { what: 'the end of all handshakes' });
        await client.close();

        const statistics = client.statistics();
        assert.equal(wire.publishes.toBroker.count, 32);
        assert.equal(statistics.messagesSent, wire.publishes.toBroker.count);
        assert.equal(wire.publishes.toClient.count, 30);
        assert.equal(statistics.messagesReceived, wire.publishes.toClient.count);
        assert.equal(statistics.bytesSent, wire.bytes.toBroker);
        assert.equal(statistics.bytesReceived, wire.bytes.toClient);
        assert.deepEqual([statistics.resends, statistics.unrouted, statistics.discarded], [0, 0, 0]);
        wire.proxy.assertClean();
      });

      it('attempts, failures, successes, reconnections, and the times of each', async () => {
        const wire = await wireTo(broker());
        const { client, scheduler } = await clientThrough(wire, { protocolVersion });
        const down = (failures: number) =>
          waitFor(() => client.statistics().connectionFailures === failures && linkOf(client) === 'waiting', {
            what: `failure ${failures}`,
          });
        assert.equal(client.statistics().nextAttemptAt, 0);
        await wire.proxy.refuse(true);
        client.connect();
        await down(1);
        const { nextAttemptAt } = client.statistics();
        assert.ok(nextAttemptAt > scheduler.now());
        scheduler.advance(nextAttemptAt - scheduler.now() - 1);
        assert.equal(client.statistics().connectionAttempts, 1);
        scheduler.advance(1);
        assert.equal(client.statistics().connectionAttempts, 2);
        await down(2);
        const refusedByNobody = 2;

        await wire.proxy.refuse(false);
        wire.decide = (_direction, packet) => (packet.cmd === 'connack' ? 'cut' : 'forward');
        scheduler.advance(NEXT_ATTEMPT_MS);
        await down(3);
        assert.equal(client.statistics().lastConnectAt, 0);
        wire.decide = () => 'forward';
        scheduler.advance(NEXT_ATTEMPT_MS);
        await waitFor(() => client.connected, { what: 'the first connection' });
        const firstAt = scheduler.now();
        scheduler.advance(1_234);
        assert.deepEqual(
          [client.statistics().lastConnectAt, client.statistics().lastDisconnectAt, client.statistics().uptimeMs],
          [firstAt, 0, 1_234],
        );
        wire.proxy.cut();
        await waitFor(() => !client.connected, { what: 'the end of the connection' });
        assert.deepEqual([client.statistics().lastDisconnectAt, client.statistics().uptimeMs], [firstAt + 1_234, 0]);
        await wire.proxy.refuse(true);
        scheduler.advance(NEXT_ATTEMPT_MS);
        await down(4);
        await wire.proxy.refuse(false);
        await reconnect(client, scheduler);
        const beforeClose = scheduler.now();
        await client.close();

        const statistics = client.statistics();
        assert.equal(statistics.connectionAttempts, wire.connections + refusedByNobody + 1);
        assert.equal(statistics.connectionSuccesses, wire.accepted);
        assert.deepEqual([wire.connections, wire.accepted], [3, 2]);
        assert.equal(statistics.connectionFailures, 4);
        assert.deepEqual([statistics.reconnectionAttempts, statistics.reconnections], [2, 1]);
        assert.equal(statistics.lastDisconnectAt, beforeClose);
        assert.deepEqual([statistics.uptimeMs, statistics.nextAttemptAt], [0, 0]);
      });

      it('messages sent again, with DUP, at QoS 1 and 2', async () => {
        const wire = await wireTo(broker());
        const { client, scheduler } = await clientThrough(wire, { protocolVersion });
        await connect(client);
        wire.decide = (_direction, { cmd }) => (cmd === 'puback' || cmd === 'pubrec' ? 'drop' : 'forward');
        for (const qos of [1, 2, 1, 2, 2] as const) await client.publish(message('a', { topic: 'test/a', qos }));
        await waitFor(() => wire.publishes.toBroker.count === 5, { what: 'five messages on their way' });
        wire.proxy.cut();
        await reconnect(client, scheduler);
        await waitFor(() => wire.publishes.toBroker.count === 10, { what: 'five messages again' });
        wire.decide = () => 'forward';
        wire.proxy.cut();
        await reconnect(client, scheduler);
        await drained(client);

        const { messagesSent, resends } = client.statistics();
        assert.deepEqual([wire.publishes.toBroker.count, wire.publishes.toBroker.dup], [15, 10]);
        assert.deepEqual([messagesSent, resends], [wire.publishes.toBroker.count, wire.publishes.toBroker.dup]);
        wire.proxy.assertClean();
      });

      it('acknowledgements that never come', async () => {
        const wire = await wireTo(broker());
        const { client, scheduler } = await clientThrough(wire, { protocolVersion });
        await connect(client);
        wire.decide = (_direction, { cmd }) => (cmd === 'puback' ? 'drop' : 'forward');
        await client.publish(message('a', { topic: 'test/a' }));
        await waitFor(() => wire.publishes.toBroker.count === 1, { what: 'the message on its way' });
        scheduler.advance(29_000);
        assert.equal(client.statistics().acknowledgementTimeouts, 0);
        scheduler.advance(1_000);
        assert.equal(client.statistics().acknowledgementTimeouts, 1);
        await waitFor(() => wire.proxy.counters.toBroker.disconnect === 1, { what: 'DISCONNECT' });
        wire.decide = () => 'forward';
        await reconnect(client, scheduler);
        await drained(client);
        await client.close();
        assert.equal(client.statistics().acknowledgementTimeouts, 1);
        assert.equal(client.statistics().connectionFailures, 0);
      });

      it('messages for nobody, and those that come a second time after a restart', async () => {
        const wire = await wireTo(broker());
        const store = await bed.store();
        const { client: first } = await clientThrough(wire, { protocolVersion, store });
        let handed = 0;
        first.subscribe('user', request('test/slow'), () => {
          handed += 1;
          return new Promise(() => undefined);
        });
        first.subscribe('user', request('test/nobody'), () => undefined);
        await connect(first);
        await waitFor(() => first.subscriptions().every(({ state }) => state === 'active'), { what: 'subscriptions' });
        const publisher = await Publisher.start({ port: broker().port, clientId: `publisher-${protocolVersion}` });
        for (const payload of numbers(3)) await publisher.publish('test/slow', payload, 1);
        await waitFor(() => handed === 3, { what: 'three messages' });
        await first.close();
        assert.deepEqual([first.statistics().delivered, first.statistics().redelivered], [3, 0]);
        for (const payload of numbers(4)) await publisher.publish('test/nobody', payload, 1);
        await publisher.stop();

        const received = wire.publishes.toClient.count;
        const { client: second } = await clientThrough(wire, { protocolVersion, store });
        second.subscribe('user', request('test/slow'), () => undefined);
        await connect(second);
        await waitFor(() => second.statistics().messagesReceived >= 7, { what: 'three again and four new messages' });
        await second.close();
        const { messagesReceived, delivered, redelivered, unrouted } = second.statistics();
        assert.equal(messagesReceived, wire.publishes.toClient.count - received);
        assert.deepEqual([delivered, redelivered, unrouted], [3, wire.publishes.toClient.dup, 4]);
        assert.equal(wire.publishes.toClient.dup, 3);
      });

      it('messages published again because the broker lost the session', async () => {
        const wire = await wireTo(broker());
        const { client, scheduler } = await clientThrough(wire, { protocolVersion });
        await connect(client);
        wire.decide = (_direction, { cmd }) => (cmd === 'puback' ? 'drop' : 'forward');
        for (const payload of numbers(3)) await client.publish(message(payload, { topic: 'test/a' }));
        await waitFor(() => wire.publishes.toBroker.count === 3, { what: 'three messages on their way' });
        // Whoever connects with a clean session ends ours at the broker, and our connection with it.
        const other = await connectAsync(broker().url, { clientId: client.clientId, clean: true });
        await other.endAsync();
        await waitFor(() => linkOf(client) === 'waiting', { what: 'the end of the connection' });
        wire.decide = () => 'forward';
        await reconnect(client, scheduler);
        await drained(client);
        const { requeued, resends, messagesSent } = client.statistics();
        assert.deepEqual([requeued, resends, messagesSent], [3, 0, 6]);
        assert.deepEqual(wire.publishes.toBroker, { count: 6, dup: 0 });
      });

      it('messages that made room in a full queue, and never went out', async () => {
        const wire = await wireTo(broker());
        const { client } = await clientThrough(wire, { protocolVersion, maxBytes: 3_500, whenFull: 'dropOldest' });
        for (const payload of numbers(5)) {
          await client.publish(message(payload.padEnd(1_000, 'x'), { topic: 'test/a' }));
        }
        assert.equal(client.statistics().queuedMessages, 3);
        await connect(client);
        await drained(client);
        const { dropped, discarded, discardedByReason, messagesSent, deadLetters } = client.statistics();
        assert.deepEqual([dropped, discarded, discardedByReason, deadLetters], [2, 2, { dropped: 2 }, 0]);
        assert.deepEqual([messagesSent, wire.publishes.toBroker.count], [3, 3]);
      });
    });
  }

  it('messages that were refused or expired (MQTT 5.0), and are dead letters', async () => {
    const wire = await wireTo(broker());
    const { client, scheduler } = await clientThrough(wire, { protocolVersion: 5 });
    // No age is computed from a clock that was never set.
    scheduler.advance(Date.UTC(2026, 0, 1) - scheduler.now());
    const properties = { messageExpiryInterval: 10 };
    for (const payload of numbers(2)) await client.publish(message(payload, { topic: 'test/a', properties }));
    scheduler.advance(11_000);
    await client.publish(message('kept', { topic: 'test/a', properties }));
    for (const qos of [1, 2, 2] as const) await client.publish(message('a', { topic: 'forbidden', qos }));
    await connect(client);
    await drained(client);
    const { discarded, discardedByReason, dropped, messagesSent, deadLetters, deadLetterBytes } = client.statistics();
    assert.equal(wire.refusals, 3);
    assert.deepEqual(discardedByReason, { expired: 2, refused: wire.refusals });
    assert.deepEqual([discarded, dropped, deadLetters], [5, 0, 5]);
    assert.ok(deadLetterBytes > 0);
    assert.deepEqual([messagesSent, wire.publishes.toBroker.count], [4, 4]);
  });
});

function linkOf(client: SessionClient): string | undefined {
  return client.state.kind === 'open' ? client.state.link.kind : undefined;
}
