import * as assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import { Bed, message, request } from '../client/bed';
import { waitFor } from '../support/wait';
import { delivery, rawPacket, SaneSession, type Version } from './hostile-broker';
import { BACKLOG, Stage } from './stage';

describe('a broker that is wrong about CONNECT', function () {
  this.timeout(20_000);
  const bed = new Bed();

  const beforeConnack: [string, Packet | Buffer][] = [
    ['PUBLISH', delivery(1, 1, 'early')],
    ['PUBACK', { cmd: 'puback', messageId: 1 }],
    ['PUBREL', { cmd: 'pubrel', messageId: 1 }],
    ['SUBACK', { cmd: 'suback', messageId: 65_472, granted: [2] }],
    ['PINGRESP', { cmd: 'pingresp' }],
    ['the answer of a web server', Buffer.from(`HTTP/1.1 400 Bad Request\r\n\r\n${'<p>'.repeat(30)}`)],
  ];
  const wrongConnack: [string, Buffer, Version[], number, RegExp][] = [
    ['reserved flags', rawPacket(0x20, [2, 0]), [4], 0x81, /reserved flags/],
    ['reserved flags', rawPacket(0x20, [2, 0, 0]), [5], 0x81, /reserved flags/],
    ['no return code', rawPacket(0x20, [0]), [4, 5], 0x81, /ends too early/],
    ['a Receive Maximum of 0', rawPacket(0x20, [0, 0, 3, 33, 0, 0]), [5], 0x82, /receiveMaximum with the value 0/],
    ['a Maximum QoS of 2', rawPacket(0x20, [0, 0, 2, 36, 2]), [5], 0x82, /Maximum QoS above 1/],
    ['a Maximum Packet Size of 0', rawPacket(0x20, [0, 0, 5, 39, 0, 0, 0, 0]), [5], 0x82, /maximumPacketSize/],
    ['a topic alias', rawPacket(0x20, [0, 0, 3, 35, 0, 1]), [5], 0x82, /topicAlias in a packet/],
  ];

  for (const version of [4, 5] as const satisfies Version[]) {
    for (const [name, packet] of beforeConnack) {
      it(`is left when it sends something before CONNACK (MQTT-3.2.0-1): ${name}, version ${version}`, async () => {
        const stage = await Stage.open(bed, version);
        const side = await stage.connection();
        side.send(
          side.bytes(packet),
          side.bytes({ cmd: 'connack', sessionPresent: false, reasonCode: 0, returnCode: 0 }),
        );
        await stage.endedByViolation(side, Buffer.isBuffer(packet) ? 0x81 : 0x82, /before CONNACK|wrong fixed header/);
        assert.deepEqual(stage.delivered, []);
        await stage.recovers();
      });
    }

    for (const [name, bytes, versions, reasonCode, words] of wrongConnack) {
      if (!versions.includes(version)) continue;
      it(`is left when its CONNACK has ${name} (version ${version})`, async () => {
        const stage = await Stage.open(bed, version);
        const side = await stage.connection();
        side.send(bytes);
        await stage.endedByViolation(side, reasonCode, words);
        await stage.recovers();
      });
    }

    it(`and refuses with any code there is: each is told, the queue stays (version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const refusals = Array.from({ length: 0xa2 - 0x80 + 1 }, (_, index) => 0x80 + index);
      for (const code of [1, 2, 3, 4, 5, 6, 0x7f, 0xff, ...(version === 5 ? refusals : [])]) {
        const side = await stage.connection();
        // Session Present with a refusal is wrong (MQTT-3.2.2-4 (3.1.1), MQTT-3.2.2-6 (5.0)), and means nothing.
        side.send(rawPacket(0x20, version === 5 ? [1, code, 0] : [1, code]));
        const end = await stage.ended();
        assert.deepEqual([end.kind, end.reasonCode], ['refused', code]);
      }
      await stage.recovers();
    });

    it(`and answers Session Present 1 and 0 in turn, without reason: nothing is lost (MQTT-3.2.2-5 (5.0); version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      for (const sessionPresent of [true, false, false, true, true, false, true]) {
        const side = await stage.connection();
        side.accept({ sessionPresent });
        side.send(delivery(1, 9, 'in'));
        await side.next('puback');
        side.leave();
      }
      await stage.recovers(BACKLOG, { patient: true });
      assert.deepEqual(await stage.client.deadLetters(), []);
    });
  }

  it('is left when it claims a session at Clean Start 1 (MQTT-3.2.2-2, MQTT-3.2.2-4 (5.0))', async () => {
    const stage = await Stage.open(bed, 5, { clean: true });
    const side = await stage.connection();
    side.accept({ sessionPresent: true });
    await stage.endedByViolation(side, 0x82, /answered Clean Start with Session Present/);
    await stage.recovers();
  });

  it('and claims a session at Clean Session 1: all starts anew all the same (MQTT-3.1.2-6 (3.1.1))', async () => {
    const stage = await Stage.open(bed, 4, { clean: true });
    const first = await stage.ready({ sessionPresent: true });
    const { messageId = 0 } = await first.next('publish', ({ qos }) => qos === 2);
    first.send({ cmd: 'pubrec', messageId });
    await first.next('pubrel');
    first.leave();
    const second = await stage.connection();
    second.accept({ sessionPresent: true });
    await second.next('subscribe');
    const publish = await second.next('publish', (packet) => packet.messageId === messageId);
    assert.equal(publish.dup, false);
    assert.ok(!second.log.some(({ cmd }) => cmd === 'pubrel'));
    second.leave();
    await stage.recovers();
  });

  it('and keeps what a session it does not know had half sent: it goes out again as new (MQTT-3.2.2-5 (5.0))', async () => {
    const stage = await Stage.open(bed, 5);
    const side = await stage.ready();
    const { messageId = 0 } = await side.next('publish', ({ payload }) => payload.toString() === 'second');
    side.send({ cmd: 'pubrec', messageId });
    await side.next('pubrel');
    side.leave();
    await stage.recovers(BACKLOG, { sessionPresent: false });
  });

  it('and disconnects with any code there is, at once after CONNACK: each is told, nothing is lost', async () => {
    const stage = await Stage.open(bed, 5);
    for (let code = 0; code <= 0xff; code++) {
      const side = await stage.connection();
      side.accept();
      side.send(rawPacket(0xe0, [code]));
      const end = await stage.ended();
      assert.deepEqual([end.kind, end.reasonCode], ['server-disconnect', code]);
      assert.match(String(end.error?.message), /disconnected client "tested": /);
    }
    await stage.recovers(BACKLOG, { patient: true });
    assert.deepEqual(await stage.client.deadLetters(), []);
  });

  it('and takes next to nothing: QoS 0, no retained messages, one at a time, small packets, a client id of its own', async () => {
    const stage = await Stage.open(bed, 5, {
      birth: { topic: 'state', payload: Buffer.alloc(100), qos: 1, retain: false },
    });
    const discarded: string[] = [];
    stage.client.on('discarded', ({ error }) => discarded.push(error.code));
    await stage.client.publish(message('too large'.repeat(20), { topic: 'out' }), { until: 'stored' });
    await stage.client.publish(message('kept', { topic: 'out', retain: true }), { until: 'stored' });
    await stage.client.publish(message('last', { topic: 'out' }), { until: 'stored' });
    stage.client.subscribe('flow', request('x'.repeat(100)), () => undefined);
    const side = await stage.connection();
    const sane = new SaneSession();
    const properties = {
      maximumQoS: 0,
      retainAvailable: false,
      receiveMaximum: 1,
      maximumPacketSize: 60,
      serverKeepAlive: 1,
      sessionExpiryInterval: 0,
      assignedClientIdentifier: 'somebody else',
    };
    sane.serve(side, { properties });
    await waitFor(() => stage.client.stored.count === 0, { what: 'an empty queue', intervalMs: 1 });
    assert.deepEqual(sane.taken, [...BACKLOG, 'last']);
    await waitFor(() => discarded.length === 2, { what: 'two messages told as discarded', intervalMs: 1 });
    assert.deepEqual(discarded, ['ERR_MESSAGE_TOO_LARGE', 'ERR_MESSAGE_RETAIN']);
    assert.deepEqual(
      stage.client.subscriptions().map(({ state, refusedWith }) => [state, refusedWith]),
      [
        ['active', undefined],
        ['inactive', 0x95],
      ],
    );
    stage.broker.rules.assertClean();
  });
});
