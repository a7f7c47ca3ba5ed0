import * as assert from 'node:assert/strict';
import { RecordKind } from '../../src/session/records';
import { emptySessionState } from '../../src/session/state';
import { Harness, limits, message, pubcomp } from './harness';

const RESERVED = 9;

/** A queued message under an identifier that became reserved later: a message in flight with it was given up. */
function queued(qos: 1 | 2): Harness {
  const state = { ...emptySessionState(), sequence: RESERVED - 1, broker: 'broker:1883', reserved: [RESERVED] };
  const record = { kind: RecordKind.Enqueued, message: message(qos), enqueuedAt: 0 };
  return new Harness({}, { state, records: [{ sequence: RESERVED, record }] });
}

describe('a message that was queued before its packet identifier became reserved', () => {
  for (const qos of [1, 2] as const) {
    it(`is sent when the broker has let go of the identifier (QoS ${qos}, MQTT-2.3.1-2 (3.1.1), MQTT-2.2.1-3 (5.0))`, () => {
      const harness = queued(qos);
      harness.connect(limits({ sessionPresent: true }));
      assert.deepEqual(harness.sent(), [`PUBREL ${RESERVED}`]);
      harness.receive(pubcomp(RESERVED));
      assert.deepEqual(harness.sent(), [`PUBLISH ${RESERVED}`]);
    });
  }
});
