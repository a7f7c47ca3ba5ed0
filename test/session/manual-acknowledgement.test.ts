import * as assert from 'node:assert/strict';
import type { Delivery } from '../../src/session/effects';
import { Harness, inbound, limits, limits5, pubrel } from './harness';

const MEGABYTE = 1024 * 1024;
const present = limits({ sessionPresent: true });
const present5 = limits5({ sessionPresent: true });

/** The flow has got deliveries from `first` on, and is to acknowledge them. */
function awaited(harness: Harness, first = 0): void {
  for (const { delivery, identifier } of harness.deliveries.slice(first)) {
    assert.equal(harness.session.awaited(delivery, identifier), true);
  }
}

/** A connected session, and `count` messages that its flow is to acknowledge. */
function withAwaited(count: number, options: { version?: 4 | 5; qos?: 1 | 2; receiveMaximum?: number } = {}): Harness {
  const { version = 5, qos = 1, receiveMaximum = 4 } = options;
  const harness = new Harness({ receiveMaximum });
  harness.connect(version === 5 ? limits5() : limits());
  for (let identifier = 1; identifier <= count; identifier++) harness.receive(inbound(qos, identifier));
  awaited(harness);
  return harness;
}

function closes(harness: Harness): string[] {
  return harness.of('close').map(({ reason }) => reason);
}

function reported(harness: Harness, kind: string): number {
  return harness.of('report').filter(({ report }) => report.kind === kind).length;
}

describe('session: acknowledgement by the flow', () => {
  for (const qos of [1, 2] as const) {
    const answer = qos === 1 ? 'PUBACK' : 'PUBREC';

    it(`out of order is sent in the order of receipt (QoS ${qos})`, () => {
      const harness = withAwaited(3, { qos });
      harness.handled(2);
      harness.handled(1);
      assert.deepEqual(harness.sent(), []);
      harness.handled(0);
      assert.deepEqual(harness.sent(), [`${answer} 1`, `${answer} 2`, `${answer} 3`]);
    });

    it(`that never came before a crash: the message is delivered again, as redelivered (QoS ${qos})`, () => {
      const next = withAwaited(1, { qos }).restart();
      next.connect(present5);
      next.receive(inbound(qos, 1, 'x', true));
      assert.deepEqual(
        next.deliveries.map(({ redelivered }) => redelivered),
        [true],
      );
      next.handled(0);
      assert.deepEqual(next.sent(), [`${answer} 1`]);
    });

    it(`is sent when the broker sends the message again on the next connection, which is not delivered (QoS ${qos})`, () => {
      const harness = withAwaited(2, { qos });
      harness.disconnect();
      harness.handled(1);
      harness.connect(present5);
      harness.receive(inbound(qos, 1, 'x', true), inbound(qos, 2, 'x', true));
      assert.deepEqual(harness.sent(), []);
      harness.handled(0);
      assert.deepEqual(harness.sent(), [`${answer} 1`, `${answer} 2`]);
      assert.equal(harness.deliveries.length, 2);
    });

    it(`may take longer than a 3.1.1 broker waits before it sends the message again on the same connection (QoS ${qos})`, () => {
      const harness = withAwaited(1, { version: 4, qos });
      harness.receive(inbound(qos, 1, 'x', true));
      assert.deepEqual(closes(harness), []);
      assert.equal(harness.deliveries.length, 1);
      harness.handled(0);
      assert.deepEqual(harness.sent(), [`${answer} 1`]);
    });
  }

  it('of QoS 2 out of order is remembered over a crash: that message is not delivered again', () => {
    const harness = withAwaited(2, { qos: 2 });
    harness.handled(1);
    const next = harness.restart();
    next.connect(present5);
    next.receive(inbound(2, 1, 'x', true), inbound(2, 2, 'x', true));
    assert.deepEqual(
      next.deliveries.map(({ identifier }) => identifier),
      [1],
    );
    assert.deepEqual(next.sent(), []);
    next.handled(0);
    assert.deepEqual(next.sent(), ['PUBREC 1', 'PUBREC 2']);
    next.receive(pubrel(1), pubrel(2));
    assert.deepEqual(next.sent(), ['PUBCOMP 1', 'PUBCOMP 2']);
  });

  it('of QoS 2 out of order: PUBREC waits for the record of each', () => {
    const harness = withAwaited(2, { qos: 2 });
    harness.autoDurable = false;
    harness.handled(1);
    harness.handled(0);
    assert.deepEqual(harness.sent(), []);
    harness.fail();
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.deepEqual(harness.sent(), ['PUBREC 1', 'PUBREC 2']);
  });

  it('is not waited for any more when the broker has lost its session', () => {
    const harness = withAwaited(2);
    harness.disconnect();
    harness.connect(limits5());
    assert.deepEqual(
      harness.of('withdrawn').map(({ delivery }) => delivery),
      harness.deliveries.map(({ delivery }) => delivery),
    );
    const { delivery, identifier } = harness.deliveries[0] as Delivery;
    assert.equal(harness.session.awaited(delivery, identifier), false);
    harness.handled(0);
    assert.deepEqual(harness.sent(), []);
  });

  it('is not waited for any more when the broker uses the identifier for another message', () => {
    const harness = withAwaited(1);
    harness.disconnect();
    harness.connect(present5);
    harness.receive(inbound(1, 1, 'new'));
    assert.deepEqual(
      harness.of('withdrawn').map(({ delivery }) => delivery),
      [harness.deliveries[0]?.delivery],
    );
    harness.handled(0);
    assert.deepEqual(harness.sent(), []);
    harness.handled(1);
    assert.deepEqual(harness.sent(), ['PUBACK 1']);
  });
});

describe('session: more than the flow acknowledges', () => {
  it('is left with the broker, beyond the Receive Maximum (MQTT 5); acknowledgements and the outbound queue go on', () => {
    const harness = withAwaited(4);
    harness.receive(inbound(1, 5), inbound(2, 6));
    assert.equal(harness.deliveries.length, 4);
    assert.deepEqual(closes(harness), []);
    assert.equal(reported(harness, 'inbound-full'), 1);
    harness.publish(1);
    assert.equal(harness.takePackets().filter(({ cmd }) => cmd === 'publish').length, 1);
    harness.handled(0);
    assert.deepEqual(harness.sent(), ['PUBACK 1']);
  });

  it('is asked for by one new connection when half of it is acknowledged, and taken there in its order', () => {
    const harness = withAwaited(4);
    harness.receive(inbound(1, 5), inbound(1, 6));
    harness.handled(0);
    assert.deepEqual(closes(harness), []);
    harness.handled(1);
    assert.deepEqual(closes(harness), ['inbound-room']);
    harness.handled(2);
    assert.deepEqual(harness.sent(), ['PUBACK 1', 'PUBACK 2'], 'nothing behind the end of the connection');
    harness.disconnect();
    harness.connect(present5);
    for (const identifier of [3, 4, 5, 6]) harness.receive(inbound(1, identifier, 'x', true));
    assert.deepEqual(harness.sent(), ['PUBACK 3']);
    assert.deepEqual(
      harness.deliveries.map(({ identifier }) => identifier),
      [1, 2, 3, 4, 5, 6],
    );
    assert.deepEqual(closes(harness), ['inbound-room']);
    for (const index of [3, 4, 5]) harness.handled(index);
    assert.deepEqual(harness.sent(), ['PUBACK 4', 'PUBACK 5', 'PUBACK 6']);
  });

  it('keeps what follows with the broker, too: nothing is acknowledged ahead of it, nothing is delivered before it', () => {
    const harness = withAwaited(4, { qos: 2 });
    harness.handled(3);
    harness.disconnect();
    harness.connect(present5);
    for (const identifier of [1, 2, 3]) harness.receive(inbound(2, identifier, 'x', true));
    harness.receive(inbound(2, 7));
    awaited(harness, 4);
    harness.receive(inbound(2, 8), inbound(2, 4, 'x', true), inbound(0, 0));
    assert.deepEqual(
      harness.deliveries.map(({ identifier }) => identifier),
      [1, 2, 3, 4, 7, undefined],
    );
    harness.handled(0);
    harness.handled(2);
    harness.handled(1);
    assert.deepEqual(harness.sent(), ['PUBREC 1']);
    assert.deepEqual(closes(harness), ['inbound-room']);
    harness.disconnect();
    harness.connect(present5);
    for (const identifier of [2, 3, 4, 7, 8]) harness.receive(inbound(2, identifier, 'x', true));
    harness.handled(4);
    harness.handled(6);
    assert.deepEqual(harness.sent(), ['PUBREC 2', 'PUBREC 3', 'PUBREC 4', 'PUBREC 7', 'PUBREC 8']);
    assert.equal(harness.deliveries.length, 7);
  });

  it('is bounded by its count in 3.1.1', () => {
    const harness = withAwaited(10_000, { version: 4 });
    harness.receive(inbound(1, 10_001));
    assert.equal(harness.deliveries.length, 10_000);
    for (let index = 0; index < 4_999; index++) harness.handled(index);
    assert.deepEqual(closes(harness), []);
    harness.handled(4_999);
    assert.deepEqual(closes(harness), ['inbound-room']);
  });

  for (const version of [4, 5] as const) {
    it(`is bounded by its bytes (version ${version})`, () => {
      const harness = new Harness({ receiveMaximum: 1_000 });
      harness.connect(version === 5 ? limits5() : limits());
      const payload = 'x'.repeat(3 * MEGABYTE);
      for (let identifier = 1; identifier <= 5; identifier++) {
        harness.receive(inbound(1, identifier, payload));
        awaited(harness, identifier - 1);
      }
      harness.receive(inbound(1, 6, payload));
      assert.deepEqual([harness.deliveries.length, closes(harness)], [5, []]);
      harness.handled(0);
      harness.handled(1);
      harness.handled(2);
      assert.deepEqual(closes(harness), [], 'two of them and the one that was left are more than half');
      harness.handled(3);
      assert.deepEqual(closes(harness), ['inbound-room']);
    });
  }

  it('takes one message that alone is larger than all that may wait, when nothing else does', () => {
    const harness = new Harness();
    harness.connect(present);
    harness.receive(inbound(1, 1));
    awaited(harness);
    const large = 'x'.repeat(17 * MEGABYTE);
    harness.receive(inbound(1, 2, large));
    assert.equal(harness.deliveries.length, 1);
    harness.handled(0);
    assert.deepEqual(closes(harness), ['inbound-room']);
    harness.disconnect();
    harness.connect(present);
    harness.receive(inbound(1, 2, large, true));
    assert.equal(harness.deliveries.length, 2);
  });

  it('ends the connection as before when nobody has taken the messages at all', () => {
    const harness = new Harness({ receiveMaximum: 4 });
    harness.connect(limits5());
    for (let identifier = 1; identifier <= 5; identifier++) harness.receive(inbound(1, identifier));
    assert.deepEqual(closes(harness), ['receive-maximum-exceeded']);
  });
});
