import * as assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import { Bed } from '../client/bed';
import { delivery, field, publishWithProperties, rawPacket, type Version } from './hostile-broker';
import { Stage } from './stage';

type Attack = [name: string, bytes: Packet | Buffer, reasonCode: number, words: RegExp];

const MALFORMED = 0x81;
const PROTOCOL_ERROR = 0x82;

const inBoth: Attack[] = [
  ['PUBLISH at QoS 3 (MQTT-3.3.1-4)', rawPacket(0x36, field('in/a'), [0, 7]), MALFORMED, /both QoS bits/],
  ['PUBLISH with the identifier 0', rawPacket(0x32, field('in/a'), [0, 0, 0]), PROTOCOL_ERROR, /identifier 0/],
  ['PUBLISH to a topic filter (MQTT-3.3.2-2)', delivery(0, 0, 'x', { topic: 'in/+' }), PROTOCOL_ERROR, /wildcards/],
  ['PUBLISH to "#" (MQTT-3.3.2-2)', rawPacket(0x30, field('#'), [0]), PROTOCOL_ERROR, /wildcards/],
  ['PUBLISH without a topic', rawPacket(0x30, field(''), [0]), PROTOCOL_ERROR, /without a topic/],
  ['a topic that is not UTF-8', rawPacket(0x30, field(Buffer.from([0xc3, 0x28])), [0]), MALFORMED, /not UTF-8/],
  ['a topic with a surrogate', rawPacket(0x30, field(Buffer.from([0xed, 0xa0, 0x80])), [0]), MALFORMED, /not UTF-8/],
  ['a topic with U+0000', rawPacket(0x30, field('in/\0'), [0]), MALFORMED, /U\+0000/],
  ['a topic longer than its packet', rawPacket(0x30, [0xff, 0xff, 0x61]), MALFORMED, /ends too early/],
  ['a length of five bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]), MALFORMED, /more than four bytes/],
  ['PUBACK of one byte', rawPacket(0x40, [7]), MALFORMED, /ends too early/],
  ['PUBREL with wrong flags', rawPacket(0x60, [0, 7]), MALFORMED, /wrong fixed header/],
  ['SUBACK with a code that does not exist', rawPacket(0x90, [0xff, 0xd0], [0, 3]), MALFORMED, /code 3/],
  ['PINGRESP with something in it', rawPacket(0xd0, [1]), MALFORMED, /1 bytes too many/],
  ['a packet of type 0', rawPacket(0, []), MALFORMED, /reserved type 0/],
  ['CONNECT', rawPacket(0x10, []), PROTOCOL_ERROR, /sent CONNECT/],
  ['SUBSCRIBE', rawPacket(0x82, [0, 1], field('a'), [0]), PROTOCOL_ERROR, /sent SUBSCRIBE/],
  ['UNSUBSCRIBE', rawPacket(0xa2, [0, 1], field('a')), PROTOCOL_ERROR, /sent UNSUBSCRIBE/],
  ['PINGREQ', rawPacket(0xc0), PROTOCOL_ERROR, /sent PINGREQ/],
];

const in311: Attack[] = [
  ['a second CONNACK (MQTT-3.2.0-1)', rawPacket(0x20, [0, 0]), PROTOCOL_ERROR, /second CONNACK/],
  ['AUTH', rawPacket(0xf0), MALFORMED, /reserved type 15/],
  ['DISCONNECT', rawPacket(0xe0), PROTOCOL_ERROR, /only a client may send/],
  ['PUBACK with a reason code', rawPacket(0x40, [0, 7, 0]), MALFORMED, /1 bytes too many/],
];

const properties = (...bytes: (Buffer | number[])[]) =>
  publishWithProperties(Buffer.concat(bytes.map((part) => Buffer.from(part))));

const in5: Attack[] = [
  ['a second CONNACK (MQTT-3.2.0-1)', rawPacket(0x20, [0, 0, 0]), PROTOCOL_ERROR, /second CONNACK/],
  ['AUTH, which was not asked for', { cmd: 'auth', reasonCode: 0x18 }, PROTOCOL_ERROR, /authentication/],
  ['the topic alias 0 (MQTT-3.3.2-8)', properties([35, 0, 0]), 0x94, /topic alias 0/],
  ['a topic alias that was not allowed (MQTT-3.3.2-9)', properties([35, 0, 1]), 0x94, /topic alias 1/],
  ['a property that does not exist', properties([0x7f, 1]), MALFORMED, /unknown property \(127\)/],
  ['a property of another packet', properties([33, 0, 1]), PROTOCOL_ERROR, /receiveMaximum in a packet/],
  ['a property twice', properties([1, 1, 1, 1]), PROTOCOL_ERROR, /payloadFormatIndicator twice/],
  ['a Payload Format Indicator of 2', properties([1, 2]), PROTOCOL_ERROR, /value 2/],
  ['a Subscription Identifier of 0', properties([11, 0]), PROTOCOL_ERROR, /value 0/],
  ['half a property', properties([2, 0, 0]), MALFORMED, /ends too early/],
  [
    'a user property that is not UTF-8',
    properties([38], field(Buffer.from([0xff])), field('')),
    MALFORMED,
    /not UTF-8/,
  ],
  ['properties longer than their packet', rawPacket(0x30, field('in/a'), [100, 1, 1]), MALFORMED, /ends too early/],
  ['a property length of five bytes', rawPacket(0x30, field('a'), [255, 255, 255, 255, 1]), MALFORMED, /four bytes/],
  ['DISCONNECT with a session expiry (MQTT-3.14.2-2)', rawPacket(0xe0, [0, 5, 17, 0, 0, 0, 0]), 0x82, /must not have/],
  ['a packet above our Maximum Packet Size', delivery(0, 0, 'x'.repeat(300)), 0x95, /\d+ bytes; 200 were allowed/],
];

describe('a broker that sends malformed packets', function () {
  this.timeout(20_000);
  const bed = new Bed();

  for (const version of [4, 5] as const satisfies Version[]) {
    const attacks = [...inBoth, ...(version === 5 ? in5 : in311)];
    for (const [name, bytes, reasonCode, words] of attacks) {
      it(`is left, told why, and nothing is lost: ${name}, version ${version}`, async () => {
        const stage = await Stage.open(bed, version, {
          connection: { properties: { maximumPacketSize: 200 } },
        });
        const side = await stage.ready();
        side.send(delivery(1, 9, 'good'), side.bytes(bytes));
        await stage.endedByViolation(side, reasonCode, words);
        assert.deepEqual(stage.delivered, ['good']);
        await stage.recovers();
      });
    }

    it(`that end in the middle, with the connection, delivers nothing of them (version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.ready();
      const whole = side.bytes(delivery(1, 9, 'half a message'));
      side.socket.end(whole.subarray(0, whole.length - 3));
      assert.equal((await stage.ended()).kind, 'closed');
      assert.deepEqual(stage.delivered, []);
      await stage.recovers();
    });

    it(`that answer a SUBSCRIBE for more or fewer filters than it has is left; the filter is asked for again (MQTT-3.8.4-5 (3.1.1), MQTT-3.8.4-6 (5.0); version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.connection();
      side.accept();
      const { messageId = 0 } = await side.next('subscribe');
      side.send({ cmd: 'suback', messageId, granted: [2, 2] });
      await stage.endedByViolation(side, PROTOCOL_ERROR, /1 filters by a SUBACK of 2/);
      await stage.recovers();
      assert.equal(stage.client.subscriptions()[0]?.state, 'active');
    });
  }
});
