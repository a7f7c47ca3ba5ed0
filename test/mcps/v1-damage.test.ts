import * as assert from 'node:assert/strict';
import { decodeMcps } from '../../src/mcps/decode';
import { McpsError } from '../../src/mcps/mcps-error';
import { decodeMcpsV1, encodeMcpsV1, type McpsV1Session } from '../../src/mcps/v1';
import { fixtures } from './fixtures';

const message = {
  packetId: 1,
  topic: 'ab',
  payload: Buffer.from('p'),
  qos: 1,
  retain: false,
  sendTime: 9,
  retryCount: 0,
};
const session = {
  version: 1,
  clientId: 'id',
  createdTime: 1,
  lastAccessTime: 2,
  expiryInterval: 3,
  lastPacketId: 4,
  subscriptions: [{ topic: 'a', qos: 1 }],
  inflight: [message],
} as McpsV1Session;

// Offsets in the file of `session`.
const VERSION = 4;
const CLIENT_ID_LENGTH = 26;
const CLIENT_ID = 28;
const SUBSCRIPTION_COUNT = 30;
const SUBSCRIPTION_QOS = 35;
const INFLIGHT_COUNT = 43;
const PACKET_ID = 45;
const PAYLOAD_LENGTH = 51;
const RETAIN = 60;
const SEND_TIME = 61;

function put8(offset: number, value: number): Buffer {
  const bytes = encodeMcpsV1(session);
  bytes.writeUInt8(value, offset);
  return bytes;
}

function put16(offset: number, value: number): Buffer {
  const bytes = encodeMcpsV1(session);
  bytes.writeUInt16LE(value, offset);
  return bytes;
}

function put32(offset: number, value: number): Buffer {
  const bytes = encodeMcpsV1(session);
  bytes.writeUInt32LE(value, offset);
  return bytes;
}

const cases: [string, string, () => Buffer][] = [
  ['an empty file', 'ERR_MCPS_TRUNCATED', () => Buffer.alloc(0)],
  ['another magic', 'ERR_MCPS_MAGIC', () => put32(0, 0x12345678)],
  ['the magic in the other byte order', 'ERR_MCPS_MAGIC', () => put32(0, 0x5350434d)],
  ['version 0', 'ERR_MCPS_VERSION', () => put16(VERSION, 0)],
  ['version 2', 'ERR_MCPS_VERSION', () => put16(VERSION, 2)],
  ['version 65535', 'ERR_MCPS_VERSION', () => put16(VERSION, 65_535)],
  ['an absurd client id length', 'ERR_MCPS_TRUNCATED', () => put16(CLIENT_ID_LENGTH, 65_535)],
  ['an absurd subscription count', 'ERR_MCPS_COUNT', () => put16(SUBSCRIPTION_COUNT, 65_535)],
  ['an absurd in-flight count', 'ERR_MCPS_COUNT', () => put16(INFLIGHT_COUNT, 65_535)],
  ['an absurd payload length', 'ERR_MCPS_TRUNCATED', () => put32(PAYLOAD_LENGTH, 0xffffffff)],
  ['a client id that is not UTF-8', 'ERR_MCPS_UTF8', () => put16(CLIENT_ID, 0xffff)],
  ['an encoded surrogate', 'ERR_MCPS_UTF8', () => surrogateClientId()],
  ['a subscription QoS of 3', 'ERR_MCPS_QOS', () => put32(SUBSCRIPTION_QOS, 3)],
  ['a subscription QoS of -1', 'ERR_MCPS_QOS', () => put32(SUBSCRIPTION_QOS, 0xffffffff)],
  ['packet identifier 0', 'ERR_MCPS_IDENTIFIER', () => put16(PACKET_ID, 0)],
  ['a retain flag of 2', 'ERR_MCPS_VALUE', () => put8(RETAIN, 2)],
  ['a time above 2^53', 'ERR_MCPS_VALUE', () => put8(SEND_TIME + 7, 0x10)],
  ['one byte too many', 'ERR_MCPS_TRAILING', () => Buffer.concat([encodeMcpsV1(session), Buffer.alloc(1)])],
];

function surrogateClientId(): Buffer {
  const bytes = encodeMcpsV1({ ...session, clientId: 'abc' });
  Buffer.from([0xed, 0xa0, 0x80]).copy(bytes, CLIENT_ID);
  return bytes;
}

describe('a damaged MCPS version 1 file', () => {
  for (const [what, code, bytes] of cases) {
    it(`with ${what} is ${code}`, () => {
      assert.throws(() => decodeMcpsV1(bytes()), { name: 'McpsError', code });
    });
  }

  it('with a repeated packet identifier is ERR_MCPS_IDENTIFIER, also when writing', () => {
    const repeated = { ...session, inflight: [message, { ...message, packetId: 2 }] } as McpsV1Session;
    const bytes = encodeMcpsV1(repeated);
    bytes.writeUInt16LE(1, PACKET_ID + (bytes.length - PACKET_ID) / 2);
    assert.throws(() => decodeMcpsV1(bytes), { code: 'ERR_MCPS_IDENTIFIER' });
    repeated.inflight[1]!.packetId = 1;
    assert.throws(() => encodeMcpsV1(repeated), { code: 'ERR_MCPS_IDENTIFIER' });
  });

  it('cut at any byte is a named error', () => {
    for (const { bytes } of fixtures()) {
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeMcps(bytes.subarray(0, length)), McpsError, `cut at ${length}`);
      }
    }
  });

  it('with any byte changed is read or a named error, never a crash', () => {
    for (const { bytes } of fixtures()) {
      for (let offset = 0; offset < bytes.length; offset++) {
        for (const value of [0x00, 0x7f, 0x80, 0xff]) {
          const copy = Buffer.from(bytes);
          copy[offset] = value;
          try {
            decodeMcps(copy);
          } catch (error) {
            assert.ok(error instanceof McpsError, `offset ${offset}: ${error}`);
          }
        }
      }
    }
  });
});

describe('writing MCPS version 1', () => {
  const refused: [string, string, Partial<McpsV1Session>][] = [
    [
      'more than 65535 messages',
      'ERR_MCPS_COUNT',
      { inflight: Array.from({ length: 65_536 }, () => message) as never },
    ],
    ['a client id above 65535 bytes', 'ERR_MCPS_LENGTH', { clientId: 'x'.repeat(65_536) }],
    ['a fraction of a millisecond', 'ERR_MCPS_VALUE', { createdTime: 1.5 }],
    ['a QoS of 3', 'ERR_MCPS_QOS', { subscriptions: [{ topic: 'a', qos: 3 as never }] }],
  ];
  for (const [what, code, part] of refused) {
    it(`refuses ${what} as ${code}`, () => {
      assert.throws(() => encodeMcpsV1({ ...session, ...part }), { code });
    });
  }
});
