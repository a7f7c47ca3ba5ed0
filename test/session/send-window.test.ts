import * as assert from 'node:assert/strict';
import { Harness, limits, limits5, message, puback, pubcomp, published, pubrec } from './harness';

function backlog(harness: Harness, count: number, qos: 1 | 2 = 1, bytes = 1): void {
  for (let index = 0; index < count; index++) harness.publish(qos, 'x'.repeat(bytes));
}

describe('session: send window', () => {
  it('keeps at most Receive Maximum PUBLISH unacknowledged (MQTT-3.3.4-7 (5.0))', () => {
    const harness = new Harness();
    backlog(harness, 10);
    harness.connect(limits5({ receiveMaximum: 3 }));
    const first = published(harness.takePackets());
    assert.equal(first.length, 3);
    harness.receive(puback(first[1]!));
    assert.equal(published(harness.takePackets()).length, 1);
  });

  it('counts a QoS 2 message until PUBCOMP (MQTT-4.9.0-2 (5.0))', () => {
    const harness = new Harness();
    backlog(harness, 3, 2);
    harness.connect(limits5({ receiveMaximum: 1 }));
    const [first] = published(harness.takePackets());
    harness.receive(pubrec(first!));
    assert.deepEqual(published(harness.takePackets()), []);
    harness.receive(pubcomp(first!));
    assert.equal(published(harness.takePackets()).length, 1);
  });

  it('gives the place of a message back when PUBREC refuses it (MQTT-4.9.0-2 (5.0))', () => {
    const harness = new Harness();
    backlog(harness, 2, 2);
    harness.connect(limits5({ receiveMaximum: 1 }));
    const [first] = published(harness.takePackets());
    harness.receive(pubrec(first!, 0x97));
    assert.equal(published(harness.takePackets()).length, 1);
  });

  it('is bounded by maxInflight whatever the broker allows', () => {
    const harness = new Harness({ maxInflight: 4 });
    backlog(harness, 10);
    harness.connect(limits5());
    assert.equal(published(harness.takePackets()).length, 4);
  });

  it('is bounded in bytes, and takes one message of any size', () => {
    const harness = new Harness();
    backlog(harness, 5, 1, 400_000);
    harness.connect(limits5());
    const first = published(harness.takePackets());
    assert.equal(first.length, 2);
    const large = new Harness();
    large.publish(1, 'x'.repeat(3_000_000));
    large.connect(limits5());
    assert.equal(published(large.takePackets()).length, 1);
  });

  it('starts a new connection with its own Receive Maximum, spent by re-sends too (MQTT-4.9.0-1 (5.0))', () => {
    const harness = new Harness();
    backlog(harness, 10);
    harness.connect(limits5({ receiveMaximum: 5 }));
    const first = published(harness.takePackets());
    harness.disconnect();
    harness.connect(limits5({ receiveMaximum: 2, sessionPresent: true }));
    assert.deepEqual(published(harness.takePackets()), first.slice(0, 2));
    harness.receive(puback(first[0]!), puback(first[1]!));
    assert.deepEqual(published(harness.takePackets()), first.slice(2, 4));
  });

  it('counts messages after PUBREC on the next connection (MQTT-4.9.0-1 (5.0))', () => {
    const harness = new Harness();
    backlog(harness, 4, 2);
    harness.connect(limits5({ receiveMaximum: 2 }));
    const first = published(harness.takePackets());
    harness.receive(pubrec(first[0]!));
    harness.disconnect();
    harness.takePackets();
    harness.connect(limits5({ receiveMaximum: 2, sessionPresent: true }));
    assert.deepEqual(harness.sent(), [`PUBREL ${first[0]}`, `PUBLISH ${first[1]} dup`]);
  });

  it('starts at 20 in 3.1.1, and first grows by one when a whole window was acknowledged while it held sending back', () => {
    const harness = new Harness();
    backlog(harness, 200);
    harness.connect(limits());
    const open = published(harness.takePackets());
    assert.equal(open.length, 20);
    for (const identifier of open.splice(0)) {
      harness.receive(puback(identifier));
      open.push(...published(harness.takePackets()));
    }
    assert.equal(harness.session.windowLimit, 21);
    assert.equal(open.length, 21);
  });

  it('doubles after the first step, until a size fails; then it goes up to that by one', () => {
    const harness = new Harness();
    backlog(harness, 1_000);
    harness.connect(limits());
    const open = published(harness.takePackets());
    const sizes = new Set<number>();
    const acknowledge = (count: number) => {
      for (; count > 0; count--) {
        harness.receive(puback(open.shift()!));
        open.push(...published(harness.takePackets()));
        sizes.add(harness.session.windowLimit);
      }
    };
    acknowledge(20 + 21 + 42);
    assert.deepEqual([...sizes], [20, 21, 42, 84]);
    harness.disconnect(true);
    assert.equal(harness.session.windowLimit, 42);
    harness.connect(limits({ sessionPresent: true }));
    open.splice(0, open.length, ...published(harness.takePackets()));
    sizes.clear();
    acknowledge(42 + 43 + 44);
    assert.deepEqual([...sizes], [42, 43, 44, 45]);
  });

  /** Acknowledges until the window has a size, or 400 messages are acknowledged. Answers the size. */
  function grow(harness: Harness, open: ReturnType<typeof published>, size: number): number {
    for (let count = 0; count < 400 && harness.session.windowLimit < size; count++) {
      harness.receive(puback(open.shift()!));
      open.push(...published(harness.takePackets()));
    }
    return harness.session.windowLimit;
  }

  /** Connects again after a connection that the peer has ended. Answers what is sent. */
  function reconnect(harness: Harness): ReturnType<typeof published> {
    harness.disconnect(true);
    harness.takePackets();
    harness.connect(limits({ sessionPresent: true }));
    return published(harness.takePackets());
  }

  it('tries a size above 20 that failed again after an hour, and doubles only when that has held', () => {
    const harness = new Harness();
    backlog(harness, 2_000);
    harness.connect(limits());
    assert.equal(grow(harness, published(harness.takePackets()), 21), 21);
    const open = reconnect(harness);
    assert.equal(grow(harness, open, 21), 20);
    harness.now += 60 * 60 * 1000 - 1;
    assert.equal(grow(harness, open, 21), 20);
    harness.now += 1;
    assert.deepEqual(
      [21, 22].map((size) => grow(harness, open, size)),
      [21, 42],
    );
  });

  it('grows again soon after a flapping link has made it small, later after each failure', () => {
    const harness = new Harness();
    backlog(harness, 5_000);
    harness.connect(limits());
    let open = published(harness.takePackets());
    for (let flaps = 0; flaps < 2; flaps++) open = reconnect(harness);
    assert.equal(grow(harness, open, 10), 9, 'the size that failed last is not tried at once');
    // 10 s after the first failure, 20 s after the second, ...
    harness.now += 20_000 - 1;
    assert.equal(grow(harness, open, 10), 9);
    harness.now += 1;
    assert.equal(grow(harness, open, 20), 20);
  });

  it('is what was stated of a 3.1.1 broker, from the start and at QoS 2 as well', () => {
    const harness = new Harness({ brokerReceiveMaximum: 50 });
    backlog(harness, 200, 2);
    harness.connect(limits());
    const open = published(harness.takePackets());
    assert.equal(open.length, 50);
    for (let identifier = open.shift(); identifier !== undefined; identifier = open.shift()) {
      harness.receive(pubrec(identifier), pubcomp(identifier));
      open.push(...published(harness.takePackets()));
    }
    assert.equal(harness.session.windowLimit, 50);
    const bounded = new Harness({ brokerReceiveMaximum: 50, maxInflight: 30 });
    backlog(bounded, 200);
    bounded.connect(limits());
    assert.equal(published(bounded.takePackets()).length, 30);
  });

  it('that was stated is not halved by a connection that ends, and yields to what MQTT 5 announces', () => {
    const harness = new Harness({ brokerReceiveMaximum: 50 });
    backlog(harness, 200);
    harness.connect(limits());
    harness.disconnect(true);
    assert.equal(harness.session.windowLimit, 50);
    harness.connect(limits5({ sessionPresent: true, receiveMaximum: 7 }));
    assert.equal(harness.session.windowLimit, 7);
  });

  it('never has more than 20 QoS 2 messages open in 3.1.1, where a default Mosquitto drops the 21st and says nothing', () => {
    const harness = new Harness();
    backlog(harness, 200);
    backlog(harness, 100, 2);
    harness.connect(limits());
    for (let open = published(harness.takePackets()), count = 0; count < 200; count++) {
      harness.receive(puback(open.shift()!));
      open = [...open, ...published(harness.takePackets())];
    }
    assert.ok(harness.session.windowLimit > 25, `window ${harness.session.windowLimit}`);
    assert.equal(harness.session.inflight, 20);
    const announced = new Harness();
    backlog(announced, 100, 2);
    announced.connect(limits5());
    assert.equal(published(announced.takePackets()).length, 100);
  });

  it('sends no QoS 1 message behind 20 open QoS 2 messages in 3.1.1: a default Mosquitto drops it and answers PUBACK', () => {
    const harness = new Harness();
    backlog(harness, 100);
    harness.connect(limits());
    for (let open = published(harness.takePackets()), count = 0; count < 100; count++) {
      harness.receive(puback(open.shift()!));
      open = [...open, ...published(harness.takePackets())];
    }
    assert.ok(harness.session.windowLimit > 21, `window ${harness.session.windowLimit}`);
    for (let count = 0; count < 20; count++) harness.publish(2);
    harness.takePackets();
    harness.publish(1);
    harness.publish(1);
    assert.deepEqual([harness.session.inflight, published(harness.takePackets())], [20, []]);
  });

  it('does not grow while it is not what holds sending back', () => {
    const harness = new Harness();
    harness.connect(limits());
    for (let count = 0; count < 100; count++) harness.receive(puback(harness.publish(1)));
    assert.equal(harness.session.windowLimit, 20);
  });

  it('is halved when the peer ends a 3.1.1 connection before a window was acknowledged, and stays below what failed', () => {
    const harness = new Harness();
    backlog(harness, 400);
    harness.connect(limits());
    harness.disconnect(true);
    assert.equal(harness.session.windowLimit, 10);
    harness.takePackets();
    harness.connect(limits({ sessionPresent: true }));
    for (let open = published(harness.takePackets()), count = 0; count < 300; count++) {
      harness.receive(puback(open.shift()!));
      open = [...open, ...published(harness.takePackets())];
    }
    assert.equal(harness.session.windowLimit, 19);
  });

  it('never falls below one, and is not halved when we end the connection', () => {
    const harness = new Harness();
    backlog(harness, 30);
    for (let round = 0; round < 8; round++) {
      harness.connect(limits({ sessionPresent: true }));
      harness.disconnect(true);
    }
    assert.equal(harness.session.windowLimit, 1);
    const ours = new Harness();
    backlog(ours, 30);
    ours.connect(limits());
    ours.disconnect(false);
    assert.equal(ours.session.windowLimit, 20);
  });

  it('forgets what it learned at another broker', () => {
    const harness = new Harness();
    backlog(harness, 30);
    harness.connect(limits());
    harness.disconnect(true);
    harness.connect(limits(), 'other:1883');
    assert.equal(harness.session.windowLimit, 20);
  });

  it('holds PUBLISH back while the stream is congested, never PUBREL (MQTT-3.3.4-8 (5.0))', () => {
    const harness = new Harness();
    harness.connect();
    const first = harness.publish(2);
    harness.takePackets();
    harness.session.congestion(true);
    harness.publish(1);
    harness.receive(pubrec(first));
    assert.deepEqual(harness.sent(), [`PUBREL ${first}`]);
    harness.session.congestion(false);
    harness.run();
    assert.equal(published(harness.takePackets()).length, 1);
  });

  it('sends nothing new while paused and keeps the pause over a restart', () => {
    const harness = new Harness();
    harness.session.pause(true);
    harness.publish(1);
    harness.connect();
    assert.deepEqual(harness.sent(), []);
    const next = harness.restart();
    assert.equal(next.session.paused, true);
    next.connect(limits({ sessionPresent: true }));
    assert.deepEqual(next.sent(), []);
    assert.equal(next.session.publish(message(0), undefined, false, next.now).kind, 'stored');
    next.session.pause(false);
    next.run();
    assert.equal(next.sent().length, 2);
  });
});
