import * as assert from 'node:assert/strict';
import { identifierOf, MESSAGE_IDENTIFIERS, ReservedIdentifiers } from '../../src/session/packet-identifiers';
import { emptySessionState } from '../../src/session/state';
import { Harness, limits, limits5, puback, published } from './harness';

describe('session: packet identifiers', () => {
  it('are never 0 and wrap around below those kept for SUBSCRIBE (MQTT-2.3.1-1 (3.1.1))', () => {
    assert.equal(identifierOf(1), 1);
    assert.equal(identifierOf(MESSAGE_IDENTIFIERS), MESSAGE_IDENTIFIERS);
    assert.equal(identifierOf(MESSAGE_IDENTIFIERS + 1), 1);
    const reserved = new ReservedIdentifiers();
    const taken = Array.from({ length: 64 }, () => reserved.take());
    assert.equal(new Set(taken).size, 64);
    assert.ok(taken.every((identifier) => identifier! > MESSAGE_IDENTIFIERS && identifier! <= 65_535));
    assert.equal(reserved.take(), undefined);
    reserved.release(taken[7]!);
    assert.equal(reserved.take(), taken[7]);
  });

  it('a straggler stops the window instead of being reused (MQTT-2.3.1-2 (3.1.1), MQTT-2.2.1-3 (5.0))', () => {
    // The next record gets the sequence whose identifier the straggler holds.
    const straggler = 100;
    const state = {
      ...emptySessionState(),
      sequence: straggler + MESSAGE_IDENTIFIERS - 2,
      mark: straggler + MESSAGE_IDENTIFIERS - 2,
      queueAfter: straggler + MESSAGE_IDENTIFIERS - 2,
      broker: 'broker:1883',
      stored: { count: 1, bytes: 11 },
      open: [
        {
          sequence: straggler,
          packetId: straggler,
          phase: 'published' as const,
          releaseOrder: 0,
          message: {
            topic: 't',
            payload: Buffer.from('s'),
            qos: 1 as const,
            retain: false,
            sequence: straggler,
            enqueuedAt: 0,
          },
        },
      ],
    };
    const harness = new Harness({}, { state, records: [] });
    harness.connect(limits({ sessionPresent: true }));
    harness.publish(1, 'before');
    harness.publish(1, 'same identifier');
    harness.publish(1, 'behind');
    const sent = published(harness.takePackets());
    assert.deepEqual(sent.slice(0, 1), [straggler]);
    assert.equal(new Set(sent).size, sent.length);
    assert.ok(sent.length < 4);
    for (let turn = 0; turn < 3; turn++) {
      harness.receive(puback(straggler));
      for (const identifier of published(harness.takePackets())) harness.receive(puback(identifier));
    }
    harness.receive(puback(straggler - 1), puback(straggler + 1), puback(straggler));
    assert.equal(published(harness.takePackets()).length >= 0, true);
    for (let turn = 0; turn < 5; turn++) {
      for (const { packetId } of harness.session.openMessages()) harness.receive(puback(packetId));
    }
    assert.equal(harness.session.stored.count, 0);
  });

  it('those in flight at a crash stay reserved', () => {
    const harness = new Harness({ maxInflight: 2 });
    harness.connect(limits5());
    const open = [harness.publish(1), harness.publish(2)];
    const next = harness.restart({ maxInflight: 2 });
    assert.deepEqual(
      next.session.openMessages().map(({ packetId }) => packetId),
      open,
    );
  });
});
