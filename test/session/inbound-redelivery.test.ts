import * as assert from 'node:assert/strict';
import { Harness, inbound, limits, limits5, pubrel } from './harness';

const present = limits({ sessionPresent: true });

describe('session: inbound redelivery', () => {
  it('answers a repeated QoS 2 PUBLISH only after the first one is durable, and does not deliver it (MQTT-4.3.3-2 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    harness.autoDurable = false;
    harness.receive(inbound(2, 1));
    harness.handled(0);
    harness.disconnect();
    harness.connect(present);
    harness.receive(inbound(2, 1, 'x', true));
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.deepEqual(harness.sent(), ['PUBREC 1']);
    assert.equal(harness.deliveries.length, 1);
  });

  for (const qos of [1, 2] as const) {
    it(`does not deliver QoS ${qos} again that is sent again while it is still being handled`, () => {
      const harness = new Harness();
      harness.connect();
      harness.receive(inbound(qos, 1));
      harness.disconnect();
      harness.connect(present);
      harness.receive(inbound(qos, 1, 'x', true));
      assert.deepEqual([harness.deliveries.length, harness.sent()], [1, []]);
      harness.handled(0);
      assert.deepEqual(harness.sent(), [qos === 1 ? 'PUBACK 1' : 'PUBREC 1']);
    });

    it(`acknowledges QoS ${qos} that was handled between two connections when it comes again`, () => {
      const harness = new Harness();
      harness.connect();
      harness.receive(inbound(qos, 1));
      harness.disconnect();
      harness.handled(0);
      harness.connect(present);
      harness.receive(inbound(qos, 1, 'x', true));
      assert.deepEqual([harness.deliveries.length, harness.sent()], [1, [qos === 1 ? 'PUBACK 1' : 'PUBREC 1']]);
    });

    it(`marks QoS ${qos} that comes again after a crash as redelivered`, () => {
      const harness = new Harness();
      harness.connect();
      harness.receive(inbound(qos, 1));
      assert.deepEqual(
        harness.deliveries.map(({ dup, redelivered }) => [dup, redelivered]),
        [[false, false]],
      );
      const next = harness.restart();
      next.connect(present);
      next.receive(inbound(qos, 1, 'x', true));
      assert.deepEqual(
        next.deliveries.map(({ dup, redelivered }) => [dup, redelivered]),
        [[true, true]],
      );
    });
  }

  it('keeps the order of PUBRECs when a later message was recorded and an earlier one is still being handled (MQTT-4.6.0-3 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(2, 1), inbound(2, 2));
    harness.disconnect();
    harness.handled(1);
    harness.connect(present);
    harness.receive(inbound(2, 1, 'x', true), inbound(2, 2, 'x', true));
    assert.deepEqual(harness.sent(), []);
    harness.handled(0);
    assert.deepEqual(harness.sent(), ['PUBREC 1', 'PUBREC 2']);
    assert.equal(harness.deliveries.length, 2);
  });

  it('takes a PUBLISH without DUP on an identifier of an earlier connection as a new message', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(1, 1, 'old'));
    harness.disconnect();
    harness.connect(present);
    harness.receive(inbound(1, 1, 'new'));
    assert.equal(harness.deliveries.length, 2);
    harness.handled(0);
    assert.deepEqual(harness.sent(), []);
    harness.handled(1);
    assert.deepEqual(harness.sent(), ['PUBACK 1']);
  });

  it('answers PUBREL again when the connection ended before PUBCOMP', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.receive(inbound(2, 1));
    harness.handled(0);
    harness.autoDurable = false;
    harness.receive(pubrel(1));
    harness.disconnect();
    harness.takePackets();
    harness.connect(limits5({ sessionPresent: true }));
    harness.receive(pubrel(1));
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.equal(harness.sent().length, 1);
  });

  it('needs no acknowledgement for what is being handled when the broker lost its session', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(2, 1), inbound(1, 2));
    harness.disconnect();
    harness.connect(limits());
    harness.handled(0);
    harness.handled(1);
    assert.deepEqual(harness.sent(), []);
    assert.equal(harness.session.held, 0);
  });
});
