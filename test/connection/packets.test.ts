import * as assert from 'node:assert/strict';
import { generate, type Packet, parser } from 'mqtt-packet';
import { decodePacket, type ServerPacket } from '../../src/connection/decode';
import { PacketEncoder } from '../../src/connection/encode';
import { FrameReader } from '../../src/connection/frame-reader';
import { ProtocolViolation } from '../../src/connection/protocol-violation';
import type { OutboundPacket, PublishPacket } from '../../src/session/packets';

type Version = 3 | 4 | 5;

function decodeAll(bytes: Buffer[], protocolVersion: Version): ServerPacket[] {
  const packets: ServerPacket[] = [];
  const reader = new FrameReader();
  for (const chunk of bytes) {
    reader.read(chunk, (buffer, start, body, end) => {
      packets.push(decodePacket(buffer, start, body, end, protocolVersion));
      return true;
    });
  }
  return packets;
}

function decode(bytes: number[] | Buffer, protocolVersion: Version): ServerPacket {
  const packets = decodeAll([Buffer.from(bytes)], protocolVersion);
  assert.equal(packets.length, 1, 'one whole packet');
  return packets[0]!;
}

/** What `mqtt-packet` reads from the same bytes. */
function reference(bytes: Buffer, protocolVersion: Version): Packet[] {
  const packets: Packet[] = [];
  const decoder = parser({ protocolVersion });
  decoder.on('packet', (packet) => packets.push(packet));
  decoder.on('error', (error) => {
    throw error;
  });
  decoder.parse(bytes);
  return packets;
}

function encode(packets: OutboundPacket[], protocolVersion: Version): Buffer {
  const encoder = new PacketEncoder(protocolVersion);
  for (const packet of packets) encoder.append(packet);
  const { bytes } = encoder;
  const encoded = Buffer.concat(encoder.take());
  assert.equal(encoded.length, bytes);
  return encoded;
}

function publish(overrides: Partial<PublishPacket> = {}): PublishPacket {
  const packet: PublishPacket = {
    cmd: 'publish',
    topic: 'plant/line 1/temperature',
    payload: Buffer.from('21.5'),
    qos: 0,
    retain: false,
    dup: false,
    ...overrides,
  };
  if (packet.qos > 0) packet.messageId ??= 4_711;
  return packet;
}

const properties = {
  payloadFormatIndicator: true,
  messageExpiryInterval: 60,
  contentType: 'text/plain',
  responseTopic: 'answer/here',
  correlationData: Buffer.from([0, 1, 2]),
  userProperties: { one: '1', many: ['a', 'b', 'c'], empty: '' },
};

const publishes: PublishPacket[] = [];
for (const qos of [0, 1, 2] as const) {
  for (const retain of [false, true]) {
    for (const size of [0, 1, 100, 125, 126, 127, 128, 16_000, 16_384, 20_000, 70_000, 300_000]) {
      publishes.push(publish({ qos, retain, dup: qos > 0 && size % 2 === 1, payload: Buffer.alloc(size, size) }));
    }
  }
}
publishes.push(publish({ topic: 'ü€😀/\ufffd' }), publish({ topic: 'x'.repeat(65_535), qos: 1, messageId: 65_535 }));

describe('encoding', () => {
  for (const protocolVersion of [3, 4, 5] as const) {
    it(`gives the bytes of mqtt-packet for PUBLISH and acknowledgements in version ${protocolVersion}`, () => {
      const packets: OutboundPacket[] = [...publishes];
      for (const cmd of ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const) {
        packets.push({ cmd, messageId: 1 }, { cmd, messageId: 65_535, reasonCode: 0 });
      }
      for (const packet of packets) {
        // Given no reason code at all, `mqtt-packet` writes a 0 that may as well be left out.
        const expected = generate({ reasonCode: 0, ...packet } as Packet, { protocolVersion });
        assert.ok(encode([packet], protocolVersion).equals(expected), packet.cmd);
      }
      const all = Buffer.concat(
        packets.map((packet) => generate({ reasonCode: 0, ...packet } as Packet, { protocolVersion })),
      );
      assert.ok(encode(packets, protocolVersion).equals(all), 'all in one');
    });
  }

  it('encodes properties, reason codes, SUBSCRIBE and UNSUBSCRIBE as mqtt-packet does', () => {
    const packets: OutboundPacket[] = [
      publish({ properties }),
      publish({ properties, payload: Buffer.alloc(100_000) }),
      { cmd: 'puback', messageId: 3, reasonCode: 0x10 },
      { cmd: 'pubrec', messageId: 3, reasonCode: 0x97, properties: { reasonString: 'full' } },
      {
        cmd: 'subscribe',
        messageId: 9,
        subscriptions: [{ topic: 'a/+/#', qos: 1, nl: true, rap: true, rh: 2 }],
        properties: { subscriptionIdentifier: 128 },
      },
      { cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['a', 'b/#'] },
    ];
    const expected = packets.map((packet) => generate(packet as Packet, { protocolVersion: 5 }));
    assert.deepEqual(encode(packets, 5), Buffer.concat(expected));
  });

  it('does not copy large payloads', () => {
    const payload = Buffer.alloc(100_000);
    for (const packet of [publish({ payload }), publish({ payload, properties })]) {
      const encoder = new PacketEncoder(5);
      encoder.append(packet);
      assert.ok(encoder.take().includes(payload));
    }
  });

  it('sends a packet whose properties are all empty', () => {
    for (const empty of [{}, { userProperties: {} }, { contentType: undefined } as object]) {
      assert.deepEqual(encode([publish({ properties: empty })], 5), encode([publish()], 5));
    }
  });

  const impossible: [string, OutboundPacket][] = [
    ['no packet identifier', publish({ qos: 1, messageId: 0 })],
    ['a packet identifier above 65,535', { cmd: 'puback', messageId: 65_536 }],
    ['a topic that is too long', publish({ topic: 'x'.repeat(65_536) })],
    [
      'a subscription identifier that is too large',
      { cmd: 'subscribe', messageId: 1, subscriptions: [], properties: {} },
    ],
    ['a wrong property', publish({ properties: { messageExpiryInterval: -1 } })],
  ];
  for (const [name, packet] of impossible) {
    it(`refuses ${name} and leaves no part of the packet behind`, () => {
      const encoder = new PacketEncoder(5);
      encoder.append({ cmd: 'puback', messageId: 1 });
      assert.throws(() => encoder.append(packet), { code: 'ERR_PACKET_INVALID' });
      encoder.append({ cmd: 'puback', messageId: 2 });
      assert.deepEqual(Buffer.concat(encoder.take()), Buffer.from([0x40, 2, 0, 1, 0x40, 2, 0, 2]));
    });
  }
});

describe('decoding', () => {
  for (const protocolVersion of [3, 4, 5] as const) {
    it(`reads what mqtt-packet writes in version ${protocolVersion}`, () => {
      const packets: Packet[] = [
        ...(publishes as Packet[]),
        { cmd: 'suback', messageId: 5, granted: [0, 1, 2, 128] },
        { cmd: 'pingresp' },
        { cmd: 'puback', messageId: 1 },
        { cmd: 'pubrec', messageId: 65_535 },
        { cmd: 'pubrel', messageId: 258 },
        { cmd: 'pubcomp', messageId: 3 },
      ];
      if (protocolVersion === 5) {
        packets.push(
          publish({ properties, qos: 2 }) as Packet,
          publish({ properties: { subscriptionIdentifier: [1, 300, 70_000] } }) as Packet,
          publish({ properties: { subscriptionIdentifier: 5, topicAlias: 3 }, topic: '' }) as Packet,
          { cmd: 'puback', messageId: 1, reasonCode: 0x97, properties: { reasonString: 'full' } },
          { cmd: 'unsuback', messageId: 6, granted: [0, 17] },
          { cmd: 'disconnect', reasonCode: 0x8e, properties: { serverReference: 'other', reasonString: 'gone' } },
          {
            cmd: 'connack',
            sessionPresent: true,
            reasonCode: 0,
            properties: { receiveMaximum: 5, maximumQoS: 1, retainAvailable: false, serverKeepAlive: 7 },
          },
        );
      } else {
        packets.push({ cmd: 'unsuback', messageId: 6 } as Packet);
      }
      const bytes = Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion })));
      const decoded = decodeAll([bytes], protocolVersion);
      assert.equal(decoded.length, packets.length);
      for (const [index, expected] of reference(bytes, protocolVersion).entries()) {
        for (const [key, value] of Object.entries(decoded[index]!)) {
          assert.deepEqual(plain(value), plain(expected[key as keyof Packet]), `${expected.cmd} ${key}`);
        }
      }
    });
  }

  it('does not care where chunks begin and end', () => {
    const packets: Packet[] = [
      publish({ properties, qos: 1 }) as Packet,
      { cmd: 'puback', messageId: 1, reasonCode: 16 },
      publish({ payload: Buffer.alloc(300, 7) }) as Packet,
      { cmd: 'pingresp' },
    ];
    const bytes = Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion: 5 })));
    const whole = decodeAll([bytes], 5);
    assert.equal(whole.length, 4);
    for (let cut = 1; cut < bytes.length; cut++) {
      assert.deepEqual(decodeAll([bytes.subarray(0, cut), bytes.subarray(cut)], 5), whole);
    }
    assert.deepEqual(
      decodeAll(
        [...bytes].map((byte) => Buffer.from([byte])),
        5,
      ),
      whole,
    );
  });

  it('copies small payloads out of their chunk, and views large ones', () => {
    const small = publish({ payload: Buffer.alloc(200) });
    const large = publish({ payload: Buffer.alloc(30_000) });
    const chunk = Buffer.allocUnsafeSlow(40_000);
    const length = encode([small, large], 4).copy(chunk);
    const [first, second] = decodeAll([chunk.subarray(0, length)], 4) as PublishPacket[];
    assert.notEqual(first?.payload.buffer, chunk.buffer);
    assert.equal(second?.payload.buffer, chunk.buffer);
  });

  it('refuses a packet above the announced maximum by its length alone', () => {
    const reader = new FrameReader(100);
    assert.throws(
      () => reader.read(Buffer.from([0x30, 0xe8, 0x07]), () => true),
      (error) => error instanceof ProtocolViolation && error.reasonCode === 0x95,
    );
  });

  it('reads the refusal of a broker without MQTT 5', () => {
    assert.deepEqual(decode([0x20, 2, 0, 1], 5), { cmd: 'connack', sessionPresent: false, reasonCode: 1 });
  });

  it('takes a user property named __proto__ as any other', () => {
    const user = [0x26, 0, 9, ...Buffer.from('__proto__'), 0, 1, 0x78];
    const packet = decode([0x30, 4 + user.length, 0, 1, 0x61, user.length, ...user], 5) as PublishPacket;
    assert.equal(Object.entries(packet.properties?.userProperties ?? {}).join(), '__proto__,x');
  });

  // [bytes, versions, reason code]
  const malformed: Record<string, [number[], Version[], number]> = {
    'a length of five bytes': [[0x30, 0xff, 0xff, 0xff, 0xff, 1], [3, 4, 5], 0x81],
    'QoS 3': [[0x36, 5, 0, 1, 0x61, 0, 1], [3, 4, 5], 0x81],
    'a topic that ends too late': [[0x30, 3, 0, 9, 0x61], [3, 4, 5], 0x81],
    'an empty PUBLISH': [[0x30, 0], [3, 4, 5], 0x81],
    'a topic with +': [[0x30, 5, 0, 3, 0x61, 0x2f, 0x2b], [3, 4], 0x82],
    'a topic with #': [[0x30, 4, 0, 1, 0x23, 0], [5], 0x82],
    'an empty topic': [[0x30, 3, 0, 0, 0], [4, 5], 0x82],
    'a topic that is not UTF-8': [[0x30, 4, 0, 1, 0xff, 0], [4, 5], 0x81],
    'a topic with U+0000': [[0x30, 4, 0, 1, 0, 0], [4, 5], 0x81],
    'the packet identifier 0 in PUBLISH': [[0x32, 6, 0, 1, 0x61, 0, 0, 0], [4, 5], 0x82],
    'the packet identifier 0 in PUBACK': [[0x40, 2, 0, 0], [3, 4, 5], 0x82],
    'a PUBACK of one byte': [[0x40, 1, 0], [3, 4, 5], 0x81],
    'a PUBACK that is too long': [[0x40, 3, 0, 1, 0], [3, 4], 0x81],
    'a PUBREL with wrong flags': [[0x60, 2, 0, 1], [4, 5], 0x81],
    'a SUBACK without codes': [[0x90, 2, 0, 1], [4], 0x81],
    'a SUBACK with the code 3': [[0x90, 3, 0, 1, 3], [4], 0x81],
    'a CONNACK with reserved flags': [[0x20, 2, 2, 0], [4], 0x81],
    'a CONNACK of one byte': [[0x20, 1, 0], [3, 4, 5], 0x81],
    'PINGRESP with content': [[0xd0, 1, 0], [3, 4, 5], 0x81],
    CONNECT: [[0x10, 0], [3, 4, 5], 0x82],
    SUBSCRIBE: [[0x80, 0], [3], 0x82],
    PINGREQ: [[0xc0, 0], [3, 4, 5], 0x82],
    'DISCONNECT before MQTT 5': [[0xe0, 0], [3, 4], 0x82],
    'AUTH before MQTT 5': [[0xf0, 0], [3, 4], 0x81],
    'the reserved type 0': [[0x00, 0], [3, 4, 5], 0x81],
    'properties that end too late': [[0x30, 4, 0, 1, 0x61, 9], [5], 0x81],
    'an unknown property': [[0x30, 6, 0, 1, 0x61, 2, 0x7e, 0], [5], 0x81],
    'a property of another packet': [[0x30, 7, 0, 1, 0x61, 3, 0x21, 0, 1], [5], 0x82],
    'a property twice': [[0x30, 8, 0, 1, 0x61, 4, 1, 0, 1, 0], [5], 0x82],
    'a flag of 2': [[0x30, 6, 0, 1, 0x61, 2, 1, 2], [5], 0x82],
    'the subscription identifier 0': [[0x30, 6, 0, 1, 0x61, 2, 0x0b, 0], [5], 0x82],
    'a Receive Maximum of 0': [[0x20, 6, 0, 0, 3, 0x21, 0, 0], [5], 0x82],
    'a Maximum QoS of 2': [[0x20, 5, 0, 0, 2, 0x24, 2], [5], 0x82],
  };
  for (const [name, [bytes, protocolVersions, reasonCode]] of Object.entries(malformed)) {
    it(`refuses ${name}`, () => {
      for (const protocolVersion of protocolVersions) {
        assert.throws(
          () => decode(bytes, protocolVersion),
          (error) => error instanceof ProtocolViolation && error.reasonCode === reasonCode,
        );
      }
    });
  }
});

/** Without prototypes, so that `mqtt-packet`'s and ours compare. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}
