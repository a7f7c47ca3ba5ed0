// What a broker may send: as bytes to the decoder, and over a socket to a client that is connected.
import * as assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { generate, type Packet } from 'mqtt-packet';
import { SessionClient } from '../../../../src/client/session-client';
import { decodePacket } from '../../../../src/connection/decode';
import { FrameReader } from '../../../../src/connection/frame-reader';
import { ProtocolViolation } from '../../../../src/connection/protocol-violation';
import { openSessionStore } from '../../../../src/store/session-store';
import { MemoryDisk } from '../../../support/memory-disk';
import { within } from '../../../support/wait';
import { mutateBytes } from '../bytes';
import type { Random } from '../random';
import { outcomeOf, type TargetDefinition } from '../target';

type Version = 3 | 4 | 5;
const VERSIONS: readonly Version[] = [3, 4, 5];

const common: Packet[] = [
  { cmd: 'publish', topic: 'a/b', payload: Buffer.from('x'), qos: 1, messageId: 3, retain: false, dup: false },
  { cmd: 'publish', topic: 'a/ü', payload: Buffer.alloc(300), qos: 0, retain: true, dup: false },
  { cmd: 'publish', topic: 'q2', payload: Buffer.alloc(0), qos: 2, messageId: 65_535, retain: false, dup: true },
  { cmd: 'suback', messageId: 1, granted: [0, 1, 128] },
  { cmd: 'unsuback', messageId: 2 } as Packet,
  { cmd: 'puback', messageId: 1 },
  { cmd: 'pubrec', messageId: 1 },
  { cmd: 'pubrel', messageId: 3 },
  { cmd: 'pubcomp', messageId: 1 },
  { cmd: 'pingresp' },
];
const ofVersion5: Packet[] = [
  {
    ...{ cmd: 'publish', topic: 'a', payload: Buffer.from('x'), qos: 2, messageId: 3, retain: false, dup: false },
    properties: {
      contentType: 'text',
      responseTopic: 'r',
      correlationData: Buffer.from([0, 1]),
      messageExpiryInterval: 9,
      topicAlias: 1,
      userProperties: { a: ['b', 'c'], constructor: 'd' },
      subscriptionIdentifier: [1, 2],
    },
  } as Packet,
  { cmd: 'unsuback', messageId: 1, granted: [0] } as Packet,
  { cmd: 'puback', messageId: 1, reasonCode: 0x97, properties: { reasonString: 'full' } },
  { cmd: 'pubrec', messageId: 1, reasonCode: 0x80 },
  { cmd: 'disconnect', reasonCode: 0x8b, properties: { reasonString: 'bye' } },
];

function encoded(version: Version): Buffer[] {
  const packets = version === 5 ? [...common.filter(({ cmd }) => cmd !== 'unsuback'), ...ofVersion5] : common;
  return packets.map((packet) => generate(packet, { protocolVersion: version }));
}

function accept(version: Version): Buffer {
  const properties = { receiveMaximum: 10, topicAliasMaximum: 5, maximumPacketSize: 100_000, serverKeepAlive: 60 };
  const packet = { cmd: 'connack', sessionPresent: false, returnCode: 0, reasonCode: 0 } as const;
  return generate(version === 5 ? { ...packet, properties } : packet, { protocolVersion: version });
}

const samples = new Map(VERSIONS.map((version) => [version, [...encoded(version), accept(version)]]));

/** One to four packets, mutated together, and sometimes with the remaining length put right. */
function packetBytes(random: Random, version: Version): Buffer {
  const pool = samples.get(version) ?? [];
  const parts = Array.from({ length: 1 + random.below(4) }, () => random.pick(pool));
  const whole = Buffer.concat(parts);
  if (random.chance(0.4)) return mutateBytes(random, whole, pool);
  const body = mutateBytes(random, random.pick(pool), pool);
  if (body.length < 2 || body.length > 16_000) return body;
  const remaining = body.length - 2;
  const length = remaining < 128 ? Buffer.from([remaining]) : Buffer.from([(remaining & 0x7f) | 0x80, remaining >> 7]);
  return Buffer.concat([body.subarray(0, 1), length, body.subarray(2), random.chance(0.5) ? whole : Buffer.alloc(0)]);
}

const decoding: TargetDefinition = {
  name: 'packets',
  what: 'frames and packets of MQTT 3.1, 3.1.1 and 5.0, in chunks of any size',
  async open() {
    return {
      feed(random) {
        const version = random.pick(VERSIONS);
        const bytes = packetBytes(random, version);
        const reader = new FrameReader(random.chance(0.1) ? 100 : Number.POSITIVE_INFINITY);
        return outcomeOf(
          bytes.length,
          () => {
            const step = random.chance(0.7) ? bytes.length : 1 + random.below(20);
            for (let at = 0; at < bytes.length; at += step) {
              reader.read(bytes.subarray(at, at + step), (buffer, start, body, end) => {
                const packet = decodePacket(buffer, start, body, end, version);
                assert.equal(typeof packet.cmd, 'string');
                return true;
              });
            }
          },
          (error) => error instanceof ProtocolViolation,
        );
      },
    };
  },
};

/**
 * A client with a session, a queue and a subscription on a memory disk, and a broker that accepts it and then sends one
 * mutated input in one piece. The client must stay usable: it reports the end of the connection, keeps its queue, and is
 * closed in order.
 */
const live: TargetDefinition = {
  name: 'live-client',
  what: 'packets to a connected client with a session, over a socket',
  async open() {
    let next: { version: Version; bytes: Buffer } = { version: 4, bytes: Buffer.alloc(0) };
    const server = net.createServer((socket) => {
      const { version, bytes } = next;
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(Buffer.concat([accept(version), bytes])));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `mqtt://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    const faults: unknown[] = [];
    const collect = (error: unknown) => faults.push(error);
    process.on('unhandledRejection', collect);
    return {
      async feed(random) {
        const version = random.pick(VERSIONS);
        next = { version, bytes: packetBytes(random, version) };
        const store = await openSessionStore({
          path: '/store',
          fileSystem: new MemoryDisk(),
          onNotice: () => undefined,
        });
        const client = new SessionClient({
          clientId: 'fuzz',
          store,
          connection: { url, protocolVersion: version, clean: false, keepalive: 60 },
        });
        const down = new Promise<void>((resolve) => client.once('disconnected', () => resolve()));
        client.subscribe(
          'fuzz',
          { filter: '#', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 },
          () => undefined,
        );
        await client.open();
        await client.publish({ topic: 't', payload: Buffer.from('kept'), qos: 1, retain: false });
        client.connect();
        await within(down, 10_000, 'the end of the connection');
        await client.close();
        await store.close();
        assert.deepEqual(faults, []);
        return { size: 64 * 1024 + next.bytes.length, accepted: true };
      },
      async close() {
        process.off('unhandledRejection', collect);
        server.close();
      },
    };
  },
};

export const packetTargets = [decoding, live];
