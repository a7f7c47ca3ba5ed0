import * as assert from 'node:assert/strict';
import { identifierOf, MESSAGE_IDENTIFIERS } from '../../src/session/packet-identifiers';
import { emptySessionState } from '../../src/session/state';
import { Harness, limits, puback } from './harness';

describe('a message that has waited for its acknowledgement through all packet identifiers', () => {
  it('is still sent again when a QoS 0 message has passed whose sequence falls on its identifier', () => {
    const straggler = 100;
    const sequence = straggler + MESSAGE_IDENTIFIERS - 1;
    const payload = Buffer.from('s');
    const message = { topic: 't', payload, qos: 1 as const, retain: false, sequence: straggler, enqueuedAt: 0 };
    const open = { sequence: straggler, packetId: straggler, releaseOrder: 0, sentAt: 0, retries: 0, message };
    const state = {
      ...emptySessionState(),
      sequence,
      mark: sequence,
      queueAfter: sequence,
      broker: 'broker:1883',
      stored: { count: 1, bytes: 11 },
      open: [{ ...open, phase: 'published' as const }],
    };
    const harness = new Harness({}, { state, records: [] });
    const passing = harness.publish(0);
    assert.equal(identifierOf(passing), straggler);
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), [`PUBLISH ${straggler} dup`, 'PUBLISH -']);
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), [`PUBLISH ${straggler} dup`]);
    harness.receive(puback(straggler));
    assert.equal(harness.session.stored.count, 0);
  });
});
