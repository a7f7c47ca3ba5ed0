import * as assert from 'node:assert/strict';
import { decodeMcps } from '../../src/mcps/decode';
import { decodeMcpsV1, encodeMcpsV1 } from '../../src/mcps/v1';
import { fixtures } from './fixtures';

describe('MCPS version 1', () => {
  for (const { name, bytes, session } of fixtures()) {
    it(`reads ${name} as what it contains`, () => {
      assert.deepEqual(decodeMcpsV1(bytes), session);
      assert.deepEqual(decodeMcps(bytes), session);
    });

    it(`writes ${name} byte for byte`, () => {
      assert.ok(encodeMcpsV1(session).equals(bytes));
    });
  }

  it('keeps an empty payload and the largest lists', () => {
    const [first] = fixtures();
    const topic = 't';
    const session = {
      ...first!.session,
      subscriptions: Array.from({ length: 65_535 }, () => ({ topic, qos: 0 as const })),
      inflight: Array.from({ length: 65_535 }, (_, i) => ({
        packetId: i + 1,
        topic,
        payload: Buffer.alloc(0),
        qos: 2 as const,
        retain: true,
        sendTime: Number.MAX_SAFE_INTEGER,
        retryCount: 0xffffffff,
      })),
    };
    assert.deepEqual(decodeMcpsV1(encodeMcpsV1(session)), session);
  });
});
