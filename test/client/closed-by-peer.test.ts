import * as assert from 'node:assert/strict';
import { isClosedByPeer } from '../../src/client/closed-by-peer';

describe('the end of a connection', () => {
  it('may be about what we sent when the peer closes it, and gives no reason or one that is about us', () => {
    assert.ok(isClosedByPeer({ kind: 'closed' }));
    assert.ok(isClosedByPeer({ kind: 'server-disconnect' }));
    for (const reasonCode of [0x80, 0x81, 0x82, 0x87, 0x95, 0x99]) {
      assert.ok(isClosedByPeer({ kind: 'server-disconnect', reasonCode }), `0x${reasonCode.toString(16)}`);
    }
  });

  it('is not when we ended it, when it fell silent, or when the server speaks of itself or of another client', () => {
    assert.ok(!isClosedByPeer({ kind: 'ended' }));
    assert.ok(!isClosedByPeer({ kind: 'ping-timeout' }));
    for (const reasonCode of [0x89, 0x8b, 0x8d, 0x8e, 0x98, 0x9c, 0x9d]) {
      assert.ok(!isClosedByPeer({ kind: 'server-disconnect', reasonCode }), `0x${reasonCode.toString(16)}`);
    }
  });
});
