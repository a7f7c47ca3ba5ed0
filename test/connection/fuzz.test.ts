import * as assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { generate, type Packet } from 'mqtt-packet';
import { decodePacket } from '../../src/connection/decode';
import { FrameReader } from '../../src/connection/frame-reader';
import { ProtocolViolation } from '../../src/connection/protocol-violation';
import { Recorder } from './recorder';
import { connack } from './scripted-broker';

/** Mulberry32: repeatable, and a seed is all that is needed to see a failure again. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const samples: Packet[] = [
  { cmd: 'publish', topic: 'a/b', payload: Buffer.from('x'), qos: 1, messageId: 3, retain: false, dup: false },
  { cmd: 'publish', topic: 'a/ü', payload: Buffer.alloc(300), qos: 0, retain: true, dup: false },
  { cmd: 'suback', messageId: 1, granted: [0, 1, 128] },
  { cmd: 'puback', messageId: 9 },
  { cmd: 'pubrel', messageId: 9 },
  { cmd: 'pingresp' },
];
const samples5: Packet[] = [
  ...samples,
  {
    cmd: 'publish',
    topic: 'a',
    payload: Buffer.from('x'),
    qos: 2,
    messageId: 3,
    retain: false,
    dup: false,
    properties: { contentType: 'text', userProperties: { a: ['b', 'c'] }, subscriptionIdentifier: [1, 2] },
  },
  { cmd: 'unsuback', messageId: 1, granted: [0] },
  { cmd: 'disconnect', reasonCode: 0x8b, properties: { reasonString: 'bye' } },
];

describe('connection against random bytes', function () {
  this.timeout(60_000);
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 0xffffffff));

  const connections = 3_000;
  it(`survives them and goes down exactly once (SEED=${seed}, ${connections} connections)`, async () => {
    const random = generator(seed);
    const answers: Buffer[] = [];
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answers.shift() ?? Buffer.alloc(0)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `mqtt://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    const faults: unknown[] = [];
    const collect = (error: unknown) => faults.push(error);
    // Mocha listens for these; for the time of this test they are ours.
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', collect);
    const kinds: Record<string, number> = {};
    try {
      for (let batch = 0; batch < connections / 30; batch++) {
        const protocolVersion = ([3, 4, 5] as const)[batch % 3] ?? 4;
        const clients = Array.from({ length: 30 }, () => {
          answers.push(randomAnswer(random, protocolVersion));
          return new Recorder({ url, protocolVersion, properties: { topicAliasMaximum: 5 } });
        });
        for (const client of clients) {
          const { kind } = await client.waitDown();
          kinds[kind] = (kinds[kind] ?? 0) + 1;
        }
        await new Promise(setImmediate);
        assert.ok(clients.every(({ ends, calls }) => ends.length === 1 && calls.at(-1) === 'down'));
      }
    } finally {
      process.removeListener('uncaughtException', collect);
      for (const listener of others) process.on('uncaughtException', listener);
      server.close();
    }
    assert.deepEqual(faults, []);
    // The bytes reach every way to end that a server can cause.
    for (const kind of ['protocol-error', 'closed', 'refused', 'unreachable']) assert.ok(kinds[kind], kind);
  });
});

describe('decoding random bytes', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 0xffffffff));

  it(`gives packets or a ProtocolViolation, nothing else (SEED=${seed})`, () => {
    const random = generator(seed);
    let packets = 0;
    let violations = 0;
    for (let run = 0; run < 30_000; run++) {
      const protocolVersion = ([3, 4, 5] as const)[run % 3] ?? 4;
      try {
        new FrameReader().read(randomAnswer(random, protocolVersion), (buffer, start, body, end) => {
          decodePacket(buffer, start, body, end, protocolVersion);
          packets++;
          return true;
        });
      } catch (error) {
        if (!(error instanceof ProtocolViolation)) throw error;
        violations++;
      }
    }
    assert.ok(packets > 10_000 && violations > 5_000, `${packets} packets, ${violations} violations`);
  });
});

/** Pure noise, or good packets of which some bytes are changed, cut out, or doubled; mostly behind a good CONNACK. */
function randomAnswer(random: () => number, protocolVersion: 3 | 4 | 5): Buffer {
  const integer = (below: number) => Math.floor(random() * below);
  const accept = generate(connack(protocolVersion), { protocolVersion });
  if (random() < 0.3) {
    const noise = Buffer.from(Array.from({ length: 1 + integer(64) }, () => integer(256)));
    return random() < 0.7 ? Buffer.concat([accept, noise]) : noise;
  }
  const pool = protocolVersion === 5 ? samples5 : samples;
  const packets = [accept];
  for (let count = 1 + integer(5); count > 0; count--) {
    packets.push(generate(pool[integer(pool.length)]!, { protocolVersion }));
  }
  let bytes = Buffer.concat(packets);
  const from = random() < 0.8 ? accept.length : 0;
  for (let count = integer(4); count > 0; count--) {
    const at = from + integer(bytes.length - from);
    const kind = random();
    if (kind < 0.6) bytes[at] = integer(256);
    else if (kind < 0.8) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - integer(8)))]);
    if (bytes.length === from) break;
  }
  return bytes;
}
