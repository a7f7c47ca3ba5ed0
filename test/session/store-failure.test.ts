import * as assert from 'node:assert/strict';
import { Harness, inbound, limits, limits5, payloads, puback, pubcomp, pubrec, pubrel } from './harness';

describe('session: the journal cannot write', () => {
  it('rejects only the messages that were not durable', () => {
    const harness = new Harness();
    const kept = harness.publish(1, 'kept');
    harness.autoDurable = false;
    const lost = [harness.publish(1, 'lost'), harness.publish(2, 'lost too')];
    harness.fail();
    assert.deepEqual(
      harness.of('rejected').map(({ sequence }) => sequence),
      lost,
    );
    assert.equal(harness.session.stored.count, 1);
    harness.autoDurable = true;
    harness.connect();
    assert.deepEqual(harness.sent(), [`PUBLISH ${kept}`]);
    assert.equal(harness.restart().session.stored.count, 1);
  });

  it('appends everything else again, and what waited for it still waits', () => {
    const harness = new Harness();
    harness.connect();
    const one = harness.publish(2);
    harness.takePackets();
    harness.receive(inbound(2, 5));
    harness.receive(inbound(2, 6));
    harness.handled(0);
    harness.takePackets();
    harness.autoDurable = false;
    harness.receive(pubrec(one));
    harness.handled(1);
    harness.receive(pubrel(5));
    harness.session.subscribe({ filter: 'f', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 });
    harness.run();
    for (let times = 0; times < 3; times++) {
      harness.fail();
      assert.deepEqual(harness.sent(), []);
    }
    harness.sync();
    assert.deepEqual(harness.sent().sort(), [`PUBREL ${one}`, 'PUBREC 6', 'PUBCOMP 5', 'SUBSCRIBE f'].sort());
    harness.receive(pubcomp(one));
    harness.sync();
    assert.equal(harness.session.stored.count, 0);
  });

  it('does not send a message whose record failed, and reuses its sequence for the next', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(puback(harness.publish(1)));
    harness.autoDurable = false;
    harness.takePackets();
    const lost = harness.publish(1, 'lost');
    harness.fail();
    const next = harness.publish(1, 'next');
    assert.equal(next, lost);
    harness.sync();
    const packets = harness.takePackets();
    assert.deepEqual(payloads(packets), ['next']);
    assert.ok(packets.every((packet) => packet.cmd !== 'publish' || !packet.dup));
  });

  it('keeps waiting for a mark, and for the record of a lost session', () => {
    const harness = new Harness();
    harness.connect();
    const one = harness.publish(1);
    harness.disconnect();
    harness.takePackets();
    harness.autoDurable = false;
    harness.connect(limits());
    harness.fail();
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.deepEqual(harness.sent(), [`PUBLISH ${one}`]);
  });

  it('frees the window of messages that it rejects', () => {
    const harness = new Harness();
    harness.connect(limits5({ receiveMaximum: 1 }));
    harness.autoDurable = false;
    harness.publish(1, 'lost');
    harness.fail();
    harness.publish(1, 'next');
    harness.sync();
    assert.deepEqual(payloads(harness.takePackets()), ['next']);
  });

  it('fails in the middle of a round: what the journal was not given yet counts as failed', () => {
    const harness = new Harness();
    harness.connect();
    harness.autoDurable = false;
    const outcome = harness.session.publish(
      { topic: 't', payload: Buffer.from('x'), qos: 1, retain: false },
      { node: 'n', messageId: 'm' },
      false,
      harness.now,
    );
    harness.session.storeFailed(new Error('EIO'), []);
    harness.run();
    assert.equal(outcome.kind, 'stored');
    assert.deepEqual(
      harness.of('rejected').map(({ origin }) => origin),
      [{ node: 'n', messageId: 'm' }],
    );
    assert.equal(harness.session.stored.count, 0);
  });

  it('does not count a connection as overdue while the disk holds everything back', () => {
    const harness = new Harness();
    harness.connect();
    harness.autoDurable = false;
    harness.publish(1);
    for (let second = 0; second < 40; second++) harness.tick(1000);
    assert.deepEqual(harness.of('close'), []);
    harness.sync();
    for (let second = 0; second < 40; second++) harness.tick(1000);
    assert.equal(harness.of('close').length, 1);
  });
});
