import * as assert from 'node:assert/strict';
import {
  BIRTH_IDENTIFIER,
  identifierOf,
  MESSAGE_IDENTIFIERS,
  ReservedIdentifiers,
} from '../../src/session/packet-identifiers';
import { emptySessionState } from '../../src/session/state';
import { Harness, limits, limits5, puback } from './harness';

describe('session: packet identifiers', () => {
  it('are never 0 and wrap around below those kept for SUBSCRIBE (MQTT-2.3.1-1 (3.1.1))', () => {
    assert.equal(identifierOf(1), 1);
    assert.equal(identifierOf(MESSAGE_IDENTIFIERS), MESSAGE_IDENTIFIERS);
    assert.equal(identifierOf(MESSAGE_IDENTIFIERS + 1), 1);
    const reserved = new ReservedIdentifiers(() => false);
    const taken = Array.from({ length: 62 }, () => reserved.take());
    assert.equal(new Set(taken).size, 62);
    assert.ok(taken.every((identifier) => identifier! > MESSAGE_IDENTIFIERS && identifier! < BIRTH_IDENTIFIER));
    assert.equal(reserved.take(), undefined);
    reserved.release(taken[7]!);
    assert.equal(reserved.take(), taken[7]);
  });

  it('a straggler stops the window instead of being reused (MQTT-2.3.1-2 (3.1.1), MQTT-2.2.1-3 (5.0))', () => {
    const straggler = 100;
    const sequence = straggler + MESSAGE_IDENTIFIERS - 4;
    const state = {
      ...emptySessionState(),
      sequence,
      mark: sequence,
      queueAfter: sequence,
      broker: 'broker:1883',
      stored: { count: 1, bytes: 11 },
      open: [
        {
          sequence: straggler,
          packetId: straggler,
          phase: 'published' as const,
          releaseOrder: 0,
          sentAt: 0,
          retries: 0,
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
    const before = [harness.publish(1), harness.publish(1)];
    const same = harness.publish(1);
    const behind = harness.publish(1);
    assert.equal(identifierOf(same), straggler);
    const sent = before.map((one) => `PUBLISH ${identifierOf(one)}`);
    assert.deepEqual(harness.sent(), [`PUBLISH ${straggler} dup`, ...sent]);
    harness.receive(puback(straggler));
    assert.deepEqual(harness.sent(), [`PUBLISH ${straggler}`, `PUBLISH ${identifierOf(behind)}`]);
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
