import * as assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import { FrameReader } from '../../src/connection/frame-reader';
import type { InboundPacket } from '../../src/session/packets';
import { Bed } from '../client/bed';
import { Harness, inbound, limits, pubrel } from '../session/harness';
import { waitFor } from '../support/wait';
import { delivery, field, publishWithProperties, rawPacket, type Version } from './hostile-broker';
import { Stage } from './stage';

function repeat(harness: Harness, packet: InboundPacket, count: number): void {
  for (let repetition = 0; repetition < count; repetition++) harness.session.received(packet, harness.now);
  harness.run();
}

describe('a broker that floods its client', function () {
  this.timeout(20_000);
  const bed = new Bed();

  for (const version of [4, 5] as const satisfies Version[]) {
    it(`with 3,000 messages in one chunk: all are delivered and acknowledged in their order (MQTT-4.6.0-2, -3; version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.ready();
      const packets: Packet[] = [];
      for (let number = 1; number <= 3_000; number++) packets.push(delivery((number % 3) as 0, number, String(number)));
      side.send(...packets);
      await side.next('pubrec', ({ messageId }) => messageId === 2_999);
      await waitFor(() => stage.delivered.length === 3_000, { what: 'all of them', intervalMs: 1 });
      assert.deepEqual(
        stage.delivered,
        packets.map((_, index) => String(index + 1)),
      );
      side.leave();
      await stage.recovers();
    });

    it(`with nothing but single bytes: packets are joined (version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.connection();
      const accepted: Packet = { cmd: 'connack', sessionPresent: false, returnCode: 0, reasonCode: 0 };
      const packets = [accepted, delivery(1, 1, 'a'), delivery(2, 2, 'b')];
      side.announce(...packets);
      const bytes = Buffer.concat(packets.map((packet) => side.bytes(packet)));
      for (const byte of bytes) {
        const { bytesReceived } = stage.client.statistics();
        side.send(Buffer.from([byte]));
        await waitFor(() => stage.client.statistics().bytesReceived > bytesReceived, {
          what: 'one byte more',
          intervalMs: 0,
        });
      }
      await side.next('pubrec');
      assert.deepEqual(stage.delivered, ['a', 'b']);
      side.leave();
      await stage.recovers();
    });

    it(`with an identifier released again and again while the disk is slow: it is left (version ${version})`, () => {
      const harness = new Harness();
      harness.connect(limits({ protocolVersion: version }));
      harness.receive(inbound(2, 1));
      harness.handled(0);
      harness.autoDurable = false;
      repeat(harness, pubrel(1), 2 * 65_535);
      assert.deepEqual(harness.of('close'), []);
      harness.receive(pubrel(1));
      const [close] = harness.of('close');
      assert.deepEqual([close?.reason, close?.reasonCode], ['protocol-error', 0x82]);
    });

    it(`with a message it has sent before, again and again behind one that is not acknowledged: it is left (version ${version})`, () => {
      const harness = new Harness();
      harness.connect(limits({ protocolVersion: version }));
      harness.receive(inbound(2, 1));
      harness.handled(0);
      harness.receive(inbound(2, 2));
      repeat(harness, inbound(2, 1, 'x', true), 2 * 65_535);
      assert.equal(harness.of('close')[0]?.reason, 'protocol-error');
      assert.equal(harness.deliveries.length, 2);
    });
  }

  it('with questions, and reads none of the answers: it is left before they fill the memory', async () => {
    const stage = await Stage.open(bed, 5);
    const side = await stage.ready();
    side.socket.pause();
    const questions = Buffer.alloc(64 * 1024, rawPacket(0x50, [0xff, 0xfe]));
    const flood = () => {
      while (!side.closed && side.socket.write(questions));
    };
    side.socket.on('drain', flood);
    flood();
    const end = await stage.ended();
    assert.match(String(end.error?.message), /does not read what it is sent: 4\d{6} bytes/);
    side.leave();
    await stage.recovers();
  });

  it('with more than our Receive Maximum while the flow holds: it is told by DISCONNECT 0x93, and asked again when the flow goes on (MQTT-3.3.4-9 (5.0))', async () => {
    const stage = await Stage.open(bed, 5);
    stage.client.hold();
    const side = await stage.connection();
    const maximum = side.connect.properties?.receiveMaximum ?? 0;
    assert.ok(maximum > 0);
    side.accept();
    for (let identifier = 1; identifier <= maximum; identifier++) side.send(delivery(1, identifier, 'held'));
    await waitFor(() => stage.client.statistics().messagesReceived === maximum, { what: 'all of them', intervalMs: 1 });
    assert.deepEqual(stage.ends, []);
    side.send(delivery(1, maximum + 1, 'above'));
    assert.equal((await side.next('disconnect')).reasonCode, 0x93);
    assert.equal((await stage.ended()).reasonString, 'receive-maximum-exceeded');
    await waitFor(() => stage.client.state.kind === 'open' && stage.client.state.link.kind === 'idle', {
      what: 'no further attempt',
      intervalMs: 1,
    });
    stage.client.release();
    await stage.recovers();
    assert.equal(stage.delivered.filter((payload) => payload === 'held').length, maximum);
    assert.ok(!stage.delivered.includes('above'));
  });

  const repeated: [string, Buffer][] = [
    ['user properties of one name', Buffer.concat([Buffer.from([38]), field('a'), field('')])],
    ['Subscription Identifiers', Buffer.from([11, 1])],
  ];
  for (const [name, property] of repeated) {
    it(`with 200,000 bytes of ${name} in one packet: it is delivered at once`, async () => {
      const stage = await Stage.open(bed, 5);
      const side = await stage.ready();
      const count = Math.floor(200_000 / property.length);
      side.announce(delivery(1, 77, 'x'));
      side.send(publishWithProperties(Buffer.concat(Array.from({ length: count }, () => property)), { qos: 1 }));
      await side.next('puback');
      assert.deepEqual(stage.delivered, ['x']);
      side.leave();
      await stage.recovers();
    });
  }

  it('with a packet in very many parts: it is read as it was sent', () => {
    const packet = rawPacket(
      0x30,
      field('in/a'),
      Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251)),
    );
    const frames = new FrameReader();
    const read: Buffer[] = [];
    for (const byte of Buffer.concat([packet, packet])) {
      frames.read(Buffer.from([byte]), (buffer, start, _body, end) => read.push(buffer.subarray(start, end)) > 0);
    }
    assert.deepEqual(read, [packet, packet]);
  });
});
