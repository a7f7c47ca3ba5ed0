import * as assert from 'node:assert/strict';
import * as sinon from 'sinon';
import { decodeMcps, encodeMcpsV1, McpsError, type McpsV1Session } from '../../src';
import { encodeMcpsV2 } from '../../src/mcps/v2';
import { fixtures } from './fixtures';
import { randomSnapshot, seeded } from './random-snapshot';

/** Offsets of all lengths and counts in a version 1 file, with their size. */
function lengthFields(session: McpsV1Session): { offset: number; bytes: 2 | 4 }[] {
  const fields: { offset: number; bytes: 2 | 4 }[] = [];
  let offset = 26;
  const skip = (bytes: 2 | 4, content: number): void => {
    fields.push({ offset, bytes });
    offset += bytes + content;
  };
  skip(2, Buffer.byteLength(session.clientId));
  skip(2, 0);
  for (const { topic } of session.subscriptions) {
    skip(2, Buffer.byteLength(topic));
    offset += 4;
  }
  offset += 4;
  skip(2, 0);
  for (const { topic, payload } of session.inflight) {
    offset += 2;
    skip(2, Buffer.byteLength(topic));
    skip(4, payload.length);
    offset += 17;
  }
  return fields;
}

/** Calls `decode` and answers the largest single allocation of memory for bytes. */
function largestAllocation(decode: () => unknown): number {
  let largest = 0;
  const sandbox = sinon.createSandbox();
  const note = (size: unknown): void => {
    largest = Math.max(largest, typeof size === 'number' ? size : ((size as ArrayLike<unknown>).length ?? 0));
  };
  for (const method of ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'from'] as const) {
    const original = Buffer[method] as (...all: unknown[]) => Buffer;
    sandbox.stub(Buffer, method as 'alloc').callsFake(((...all: unknown[]) => {
      note(all[0]);
      return original.apply(Buffer, all);
    }) as typeof Buffer.alloc);
  }
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof McpsError, String(error));
  } finally {
    sandbox.restore();
  }
  return largest;
}

describe('the main export', () => {
  for (const { name, bytes, session } of fixtures()) {
    it(`decodes and encodes ${name}, field by field and byte by byte`, () => {
      const decoded = decodeMcps(bytes);
      assert.deepEqual(decoded, session);
      assert.ok(decoded.version === 1 && encodeMcpsV1(decoded).equals(bytes));
    });

    it(`refuses ${name} cut at any byte, or with a byte more`, () => {
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeMcps(bytes.subarray(0, length)), { name: 'McpsError', code: /_TRUNCATED$|_COUNT$/ });
      }
      assert.throws(() => decodeMcps(Buffer.concat([bytes, Buffer.alloc(1)])), { code: 'ERR_MCPS_TRAILING' });
    });

    it(`refuses ${name} under another version`, () => {
      for (const [version, code] of [
        [0, 'ERR_MCPS_VERSION'],
        [2, /^ERR_MCPS_(CHECKSUM|TRUNCATED)$/],
        [3, 'ERR_MCPS_VERSION'],
        [65_535, 'ERR_MCPS_VERSION'],
      ] as const) {
        const changed = Buffer.from(bytes);
        changed.writeUInt16LE(version, 4);
        assert.throws(() => decodeMcps(changed), { name: 'McpsError', code });
      }
    });

    it(`reserves nothing larger than the file for any length or count in ${name}`, () => {
      let refused = 0;
      for (const { offset, bytes: size } of lengthFields(session)) {
        for (const value of [0xffffffff, 0x7fffffff, bytes.length, 0xfffe]) {
          const changed = Buffer.from(bytes);
          if (size === 2) changed.writeUInt16LE(value & 0xffff, offset);
          else changed.writeUInt32LE(value, offset);
          assert.ok(largestAllocation(() => decodeMcps(changed)) <= bytes.length, `offset ${offset}, ${value}`);
          refused++;
        }
      }
      assert.ok(refused > 0);
    });
  }

  it('has all of a snapshot under the names of version 1', () => {
    const snapshot = randomSnapshot(seeded(3));
    const session = decodeMcps(encodeMcpsV2(snapshot));
    assert.ok(session.version === 2);
    const { metadata, state, journal } = snapshot;
    assert.deepEqual(
      [session.clientId, session.createdTime, session.lastAccessTime, session.expiryInterval],
      [metadata.clientId, metadata.createdAt, metadata.lastAccessAt, metadata.expiryInterval],
    );
    assert.deepEqual(
      session.subscriptions.map(({ topic, ...options }) => ({ filter: topic, ...options })),
      state.subscriptions,
    );
    assert.deepEqual(
      session.inflight.map(({ sendTime, retryCount, packetId }) => [packetId, sendTime, retryCount]),
      state.open.map(({ packetId, sentAt, retries }) => [packetId, sentAt, retries]),
    );
    assert.equal(session.journal.uid, journal.uid.toString('hex'));
    assert.deepEqual(session.stored, state.stored);
  });

  it('reserves nothing larger than the file for a damaged snapshot', () => {
    const bytes = encodeMcpsV2(randomSnapshot(seeded(4)));
    for (let offset = 26; offset + 4 <= bytes.length; offset++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt32LE(0xfffffff0, offset);
      assert.ok(largestAllocation(() => decodeMcps(changed)) <= bytes.length, `offset ${offset}`);
    }
  });

  it('does not write what would come back as something else', () => {
    const session = fixtures()[0]!.session;
    assert.throws(() => encodeMcpsV1({ ...session, clientId: 'a\ud800' }), { code: 'ERR_MCPS_UTF8' });
    const message = {
      packetId: 1,
      topic: 't',
      payload: 'text' as never,
      qos: 1 as const,
      retain: false,
      sendTime: 0,
      retryCount: 0,
    };
    assert.throws(() => encodeMcpsV1({ ...session, inflight: [message] }), { code: 'ERR_MCPS_VALUE' });
    assert.throws(() => encodeMcpsV1({ ...session, inflight: [{ ...message, topic: 3 as never }] }), {
      code: 'ERR_MCPS_VALUE',
    });
  });
});
