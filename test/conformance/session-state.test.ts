import * as assert from 'node:assert/strict';
import { TopicAliasWishes } from '../../src/connection/topic-alias-wishes';
import { identifierOf, MESSAGE_IDENTIFIERS } from '../../src/session/packet-identifiers';
import { Bed, message, TestDisk } from '../client/bed';
import { Recorder } from '../connection/recorder';
import { Harness, limits5 } from '../session/harness';
import { ManualScheduler } from '../support/manual-scheduler';
import type { MemoryDisk } from '../support/memory-disk';
import { waitFor } from '../support/wait';
import { delivery, HostileBroker, type Side, type Version } from './hostile-broker';
import { BACKLOG, Stage } from './stage';

describe('session state', function () {
  this.timeout(20_000);
  const bed = new Bed();

  /** A client of this id on `store`, connected to `broker` once it is opened. */
  async function client(store: Awaited<ReturnType<Bed['store']>>, broker: HostileBroker, clientId: string) {
    return bed.openClient({ store, clientId, url: broker.url, protocolVersion: broker.version });
  }

  async function publishOf(side: Side): Promise<[payload: string, identifier: number, dup: boolean]> {
    const { payload, messageId = 0, dup } = await side.next('publish');
    return [payload.toString(), messageId, dup];
  }

  for (const version of [4, 5] as const satisfies Version[]) {
    it(`belongs to a client id, and outlives the process (MQTT-3.1.2-4 (3.1.1), MQTT-3.1.2-23 (5.0), MQTT-3.1.3-2, MQTT-4.1.0-1; version ${version})`, async () => {
      const store = await bed.store();
      const broker = await HostileBroker.listen(version);
      bed.after(() => broker.close());
      const first = await client(store, broker, 'one');
      await first.publish(message('of one', { qos: 2 }));
      first.connect();
      const before = await broker.connection();
      before.accept();
      const sent = await publishOf(before);
      assert.equal(sent[2], false);
      await first.close();
      const other = await client(store, broker, 'two');
      await other.publish(message('of two', { qos: 2 }));
      other.connect();
      const beside = await broker.connection();
      beside.accept();
      assert.equal((await publishOf(beside))[0], 'of two');
      await other.close();
      const again = await client(store, broker, 'one');
      again.connect();
      const after = await broker.connection();
      assert.equal(after.connect.clean, false);
      after.accept({ sessionPresent: true });
      assert.deepEqual(await publishOf(after), ['of one', sent[1], true]);
      after.send({ cmd: 'pubrec', messageId: sent[1] });
      await after.next('pubrel');
      after.send({ cmd: 'pubcomp', messageId: sent[1] });
      await waitFor(() => again.stored.count === 0, { what: 'an empty queue', intervalMs: 1 });
      broker.rules.assertClean();
    });

    it(`of messages for which there is no subscription: they are acknowledged (MQTT-4.5.0-2; version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.ready();
      const topic = 'for/nobody';
      side.send(delivery(1, 1, 'a', { topic }), delivery(2, 2, 'b', { topic }), delivery(0, 0, 'c', { topic }));
      assert.equal((await side.next('puback')).messageId, 1);
      assert.equal((await side.next('pubrec')).messageId, 2);
      side.send({ cmd: 'pubrel', messageId: 2 });
      assert.equal((await side.next('pubcomp')).messageId, 2);
      await waitFor(() => stage.client.statistics().unrouted === 3, { what: 'the last one', intervalMs: 1 });
      assert.deepEqual(stage.delivered, []);
      side.leave();
      await stage.recovers();
    });
  }

  it('is not kept without a client id (MQTT-3.1.3-7 (3.1.1))', async () => {
    await assert.rejects(bed.client({ clientId: '' }), { code: 'ERR_CLIENT_ID' });
  });

  it('stays under our client id when the broker assigns another one, which it may not (MQTT-3.2.2-16 (5.0))', async () => {
    const stage = await Stage.open(bed, 5);
    const side = await stage.ready({ properties: { assignedClientIdentifier: 'other' } });
    assert.equal(side.connect.clientId, 'tested');
    side.leave();
    const next = await stage.connection();
    assert.equal(next.connect.clientId, 'tested');
    next.leave();
    await stage.recovers();
  });

  it('does not expire while it is open, however long, also when the process is killed then (MQTT-4.1.0-1 (5.0), MQTT-4.1.0-2 (3.1.1))', async () => {
    const scheduler = new ManualScheduler();
    let disk: MemoryDisk = new TestDisk();
    const reports: string[] = [];
    for (const pause of [0, 80_000]) {
      scheduler.advance(pause);
      const store = await bed.storeOn(disk, { scheduler });
      const opened = await bed.client({ store, expiryInterval: 100, environment: { scheduler } });
      opened.on('report', ({ kind }) => reports.push(kind));
      await opened.open();
      await opened.publish(message('kept'));
      const noted = async () => (await store.list())[0]?.metadata?.lastAccessAt ?? 0;
      for (let minute = 0; minute < 10; minute++) {
        scheduler.advance(60_000);
        await waitFor(async () => (await noted()) === scheduler.now(), { what: 'the access noted', intervalMs: 1 });
      }
      bed.abandon(opened);
      disk = disk.crash('process');
    }
    assert.deepEqual(reports, []);
  });

  it('has no topic aliases: what is sent again on the next connection has its topic (MQTT-3.3.2-7 (5.0))', async () => {
    const topicAliases = new TopicAliasWishes();
    topicAliases.wish('out', 1);
    const stage = await Stage.open(bed, 5, { connection: { topicAliases } });
    for (const sessionPresent of [false, true]) {
      const side = await stage.connection();
      side.accept({ sessionPresent, properties: { topicAliasMaximum: 1 } });
      const topics: unknown[] = [];
      for (const _ of BACKLOG) {
        const { topic, properties } = await side.next('publish');
        topics.push([topic, properties?.topicAlias]);
      }
      assert.deepEqual(topics, [['out', 1], ...BACKLOG.slice(1).map(() => ['', 1])]);
      side.leave();
    }
    await stage.recovers();
  });

  it('cannot be kept by DISCONNECT when CONNECT let it end with the connection (3.14.2.2.2 (5.0))', async () => {
    const broker = await HostileBroker.listen(5);
    bed.after(() => broker.close());
    const asked: [connect: number | undefined, disconnect: number, sent: number | undefined][] = [
      [undefined, 60, undefined],
      [0, 60, undefined],
      [undefined, 0, 0],
      [30, 60, 60],
      [30, 0, 0],
    ];
    for (const [before, sessionExpiryInterval, expected] of asked) {
      const properties = before === undefined ? {} : { sessionExpiryInterval: before };
      const recorder = new Recorder({ url: broker.url, protocolVersion: 5, properties });
      const side = await broker.connection();
      side.accept();
      await recorder.waitUp();
      recorder.connection.end({ sessionExpiryInterval });
      const { properties: sent } = await side.next('disconnect');
      assert.equal(sent?.sessionExpiryInterval, expected);
      await recorder.waitDown();
    }
  });

  it('keeps the identifier of a QoS 2 message that a smaller Maximum Packet Size stops half-way: the broker may hold it (MQTT-2.2.1-3, MQTT-3.2.2-15 (5.0))', () => {
    const harness = new Harness();
    harness.connect(limits5());
    const sequence = harness.publish(2, 'x'.repeat(100));
    const [publish] = harness.takePackets();
    harness.disconnect();
    harness.connect(limits5({ sessionPresent: true, maximumPacketSize: 50 }));
    assert.equal(harness.deadLetters[0]?.reason, 'packet-too-large');
    const identifier = publish?.messageId;
    assert.equal(identifierOf(sequence), identifier);
    // All others are used meanwhile. The next message would have the same identifier.
    const again = sequence + MESSAGE_IDENTIFIERS;
    harness.disconnect();
    while (harness.session.durableSequence < again - 1) {
      const qos = harness.session.subscription('a')?.qos === 1 ? 2 : 1;
      harness.session.subscribe({ filter: 'a', qos, noLocal: false, retainAsPublished: false, retainHandling: 0 });
      harness.run();
    }
    harness.connect(limits5({ sessionPresent: true, maximumPacketSize: 50 }));
    assert.equal(harness.publish(2, 'small'), again + 1);
    const small = harness.takePackets().at(-1);
    assert.ok(small?.cmd === 'publish');
    assert.equal(small.messageId, identifierOf(sequence + 1));
  });

  it('asks for no more filters in one UNSUBSCRIBE than fit into a packet (MQTT-3.2.2-15 (5.0))', () => {
    const harness = new Harness();
    harness.connect(limits5({ maximumPacketSize: 30 }));
    const filters = ['first/filter/#', 'second/filter/#', 'third/filter/#'];
    for (const filter of filters) {
      harness.session.subscribe({ filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 });
    }
    harness.run();
    for (const packet of harness.takePackets()) {
      harness.receive({ cmd: 'suback', messageId: packet.messageId as number, granted: [1] });
    }
    harness.disconnect();
    for (const filter of filters) harness.session.unsubscribe(filter);
    harness.connect(limits5({ maximumPacketSize: 30, sessionPresent: true }));
    assert.deepEqual(
      harness.sent(),
      filters.map((filter) => `UNSUBSCRIBE ${filter}`),
    );
  });
});
