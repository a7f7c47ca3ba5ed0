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

  it('starts at 20 in 3.1.1, and grows by one per acknowledged window while it holds sending back', () => {
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
