import * as assert from 'node:assert/strict';
import type { ClientStatistics } from '../../src/client/statistics';
import { ManualScheduler } from '../support/manual-scheduler';
import { waitFor } from '../support/wait';
import { Bed, connect, drained, message, mosquitto, numbers, request } from './bed';

/** Counts that never go down while nobody resets them. */
const COUNTS = [
  'messagesSent',
  'messagesReceived',
  'bytesSent',
  'bytesReceived',
  'connectionAttempts',
  'connectionSuccesses',
  'delivered',
  'bytesWritten',
  'writes',
  'syncs',
] as const;

describe('statistics', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('tell what waits and what is in flight, also of a session that another process left', async () => {
    const proxy = await bed.proxy(broker());
    const store = await bed.store();
    const scheduler = new ManualScheduler();
    const storedAt = scheduler.now();
    const offline = await bed.openClient({ store, environment: { scheduler } });
    for (const payload of numbers(12)) {
      await offline.publish(message(payload));
      scheduler.advance(1_000);
    }
    const left = offline.statistics();
    assert.deepEqual([left.queuedMessages, left.inflightMessages, left.inflightBytes], [12, 0, 0]);
    assert.equal(left.queuedBytes, offline.stored.bytes);
    assert.equal(left.oldestEnqueuedAt, storedAt);
    await offline.close();

    const client = await bed.openClient({ store, url: proxy.url, maxInflight: 5 });
    await waitFor(() => client.statistics().oldestEnqueuedAt === storedAt, { what: 'the time of the oldest' });
    assert.deepEqual([client.statistics().queuedMessages, client.statistics().queuedBytes], [12, left.queuedBytes]);
    proxy.onPacket((_direction, { cmd }) => (cmd === 'puback' ? 'drop' : 'forward'));
    await connect(client);
    await waitFor(() => proxy.counters.toBroker.publish === 5, { what: 'a full window' });
    const full = client.statistics();
    assert.deepEqual([full.queuedMessages, full.inflightMessages], [7, 5]);
    assert.equal(full.inflightMessages, client.openMessages().length);
    assert.equal(full.queuedBytes + full.inflightBytes, left.queuedBytes);
    assert.ok(full.inflightBytes > 0 && full.inflightBytes < left.queuedBytes / 2);
    proxy.onPacket(undefined);
    proxy.cut();
    await drained(client);
    const { queuedMessages, queuedBytes, inflightMessages, inflightBytes, oldestEnqueuedAt } = client.statistics();
    assert.deepEqual([queuedMessages, queuedBytes, inflightMessages, inflightBytes], [0, 0, 0, 0]);
    assert.equal(oldestEnqueuedAt, 0);
  });

  it('start anew on demand: counts from zero, what is there now stays, and it says since when', async () => {
    const scheduler = new ManualScheduler();
    const client = await bed.openClient({
      url: broker().url,
      environment: { scheduler },
      maxBytes: 200,
      whenFull: 'dropOldest',
    });
    const madeAt = scheduler.now();
    for (const payload of numbers(8)) await client.publish(message(payload.padEnd(50)));
    await connect(client);
    await drained(client);
    const before = client.statistics();
    assert.ok(before.dropped > 0 && before.messagesSent > 0 && before.syncs > 0);
    await client.disconnect();
    await client.publish(message('waits'));
    assert.equal(client.statistics().since, madeAt);
    scheduler.advance(5_000);
    const present = client.statistics();
    client.resetStatistics();
    const after = client.statistics();
    assert.equal(after.since, madeAt + 5_000);
    for (const name of COUNTS) assert.equal(after[name], 0, name);
    assert.deepEqual([after.discarded, after.dropped, after.discardedByReason], [0, 0, {}]);
    assert.deepEqual(gaugesOf(after), gaugesOf(present));
    assert.equal(after.queuedMessages, 1);

    await connect(client);
    await drained(client);
    await client.close();
    await client.open();
    const { messagesSent, connectionAttempts, reconnections, since } = client.statistics();
    assert.deepEqual([messagesSent, connectionAttempts, reconnections, since], [1, 1, 1, after.since]);
  });

  it('never go back while the session is closed and opened again', async () => {
    const client = await bed.openClient({ url: broker().url });
    client.subscribe('user', request('test'), () => undefined);
    let last = client.statistics();
    const look = () => {
      const now = client.statistics();
      for (const name of COUNTS) assert.ok(now[name] >= last[name], `${name}: ${last[name]}, then ${now[name]}`);
      last = now;
    };
    for (let round = 1; round <= 2; round++) {
      await connect(client);
      await waitFor(() => client.subscriptions()[0]?.state === 'active', { what: 'the subscription' });
      await client.publish(message('a'));
      await waitFor(() => client.statistics().delivered === round, { what: 'the message back' });
      look();
      let closed = false;
      void client.close().then(() => {
        closed = true;
      });
      await waitFor(
        () => {
          look();
          return closed;
        },
        { what: 'the end', intervalMs: 0 },
      );
      look();
      await client.open();
      look();
    }
    assert.deepEqual([last.messagesSent, last.connectionSuccesses, last.reconnections], [2, 2, 1]);
  });
});

/** What is there now; how long the connection has stood aside. */
function gaugesOf(statistics: ClientStatistics) {
  const { queuedMessages, queuedBytes, inflightMessages, oldestEnqueuedAt, journalBytes } = statistics;
  const { lastConnectAt, lastDisconnectAt, deadLetters } = statistics;
  return {
    queuedMessages,
    queuedBytes,
    inflightMessages,
    oldestEnqueuedAt,
    journalBytes,
    lastConnectAt,
    lastDisconnectAt,
    deadLetters,
  };
}
