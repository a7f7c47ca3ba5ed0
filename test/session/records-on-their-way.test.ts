import * as assert from 'node:assert/strict';
import { Harness, inbound, limits5, message, puback, pubcomp, pubrec } from './harness';

describe('session: while records are on their way to the disk', () => {
  it('PUBACK, PUBREC with a refusal and PUBCOMP open the window at once', () => {
    const harness = new Harness();
    for (let count = 0; count < 5; count++) harness.publish(count === 1 ? 2 : 1);
    harness.connect(limits5({ receiveMaximum: 2 }));
    assert.deepEqual(harness.sent(), ['PUBLISH 1', 'PUBLISH 2']);
    harness.receive(pubrec(2));
    harness.takePackets();
    harness.autoDurable = false;
    harness.receive(puback(1));
    assert.deepEqual(harness.sent(), ['PUBLISH 3']);
    harness.receive(pubcomp(2));
    assert.deepEqual(harness.sent(), ['PUBLISH 4']);
    harness.receive(puback(3, 0x97));
    assert.deepEqual(harness.sent(), ['PUBLISH 5']);
  });
});

describe('session: a snapshot of a session without a connection', () => {
  it('has the received identifiers', () => {
    const harness = new Harness();
    harness.connect(limits5({ sessionPresent: true }));
    harness.receive(inbound(2, 9));
    harness.handled(0);
    harness.disconnect();
    harness.checkpoint(false);
    const next = harness.restart();
    next.connect(limits5({ sessionPresent: true }));
    next.receive(inbound(2, 9, 'x', true));
    assert.deepEqual(next.deliveries, []);
    assert.deepEqual(next.sent(), ['PUBREC 9']);
  });
});

describe('session: a birth message', () => {
  it('that was not acknowledged is not sent again on the next connection', () => {
    for (const qos of [1, 2] as const) {
      const harness = new Harness();
      harness.connect(limits5());
      harness.session.publishDirectly('birth', message(qos, 'online'));
      harness.run();
      assert.equal(harness.takePackets().length, 1);
      harness.disconnect();
      harness.connect(limits5({ sessionPresent: true }));
      assert.deepEqual(harness.sent(), []);
    }
  });
});
