import * as assert from 'node:assert/strict';
import type { SubscriptionRequest } from '../../src/session/subscriptions';
import { Harness, limits, limits5 } from './harness';

function request(filter: string, changed: Partial<SubscriptionRequest> = {}): SubscriptionRequest {
  return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, ...changed };
}

function subscribe(harness: Harness, ...filters: string[]): void {
  for (const filter of filters) harness.session.subscribe(request(filter));
  harness.run();
}

/** Answers every SUBSCRIBE and UNSUBSCRIBE; returns them in short. */
function answer(harness: Harness, code = 1): string[] {
  const all: string[] = [];
  for (let packets = harness.takePackets(); packets.length > 0; packets = harness.takePackets()) {
    for (const packet of packets) {
      if (packet.cmd === 'subscribe') {
        all.push(
          `SUBSCRIBE ${packet.subscriptions.map(({ topic, rh }) => (rh === undefined ? topic : `${topic}/rh${rh}`)).join(' ')}`,
        );
        harness.receive({ cmd: 'suback', messageId: packet.messageId, granted: packet.subscriptions.map(() => code) });
      } else if (packet.cmd === 'unsubscribe') {
        all.push(`UNSUBSCRIBE ${packet.unsubscriptions.join(' ')}`);
        harness.receive({ cmd: 'unsuback', messageId: packet.messageId });
      }
    }
  }
  return all;
}

function states(harness: Harness): string[] {
  return harness.session.subscriptions().map(({ filter, state }) => `${filter} ${state}`);
}

describe('session: subscriptions', () => {
  it('are recorded before SUBSCRIBE and active after SUBACK', () => {
    const harness = new Harness();
    harness.connect();
    harness.autoDurable = false;
    subscribe(harness, 'a');
    assert.deepEqual([harness.sent(), states(harness)], [[], ['a requested']]);
    harness.sync();
    assert.deepEqual(answer(harness), ['SUBSCRIBE a']);
    assert.deepEqual(states(harness), ['a active']);
    harness.sync();
    assert.deepEqual(states(harness.restart()), ['a active']);
  });

  it('with Session Present 1 only the difference is subscribed in 3.1.1: retained messages must not repeat', () => {
    const harness = new Harness();
    harness.connect();
    subscribe(harness, 'a', 'b');
    answer(harness);
    harness.disconnect();
    subscribe(harness, 'c');
    harness.session.unsubscribe('b');
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(answer(harness), ['UNSUBSCRIBE b', 'SUBSCRIBE c']);
    assert.deepEqual(states(harness), ['a active', 'c active']);
  });

  it('with Session Present 1 all are subscribed in 3.1.1 when a CONNACK was missed: the session may be a new one', () => {
    const harness = new Harness();
    harness.connect();
    subscribe(harness, 'a', 'b');
    answer(harness);
    harness.disconnect();
    harness.session.unanswered();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(answer(harness), ['SUBSCRIBE a b']);
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(answer(harness), []);
    // An earlier process may have been killed between CONNACK and the record of it.
    const next = harness.restart();
    next.connect(limits({ sessionPresent: true }));
    assert.deepEqual(answer(next), ['SUBSCRIBE a b']);
    assert.deepEqual(states(next), ['a active', 'b active']);
  });

  it('with Session Present 1 all are subscribed in 5.0, with Retain Handling 1 (2 where it was 2), new ones as asked (3.8.3.1 (5.0))', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.session.subscribe(request('a', { retainHandling: 0 }));
    harness.session.subscribe(request('b', { retainHandling: 2 }));
    harness.run();
    assert.deepEqual(answer(harness), ['SUBSCRIBE a/rh0', 'SUBSCRIBE b/rh2']);
    harness.disconnect();
    subscribe(harness, 'c');
    harness.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(answer(harness), ['SUBSCRIBE a/rh1', 'SUBSCRIBE b/rh2', 'SUBSCRIBE c/rh0']);
  });

  it('with Session Present 0 all are made again, as new', () => {
    const harness = new Harness();
    harness.connect(limits5());
    subscribe(harness, 'a');
    answer(harness);
    harness.disconnect();
    harness.connect(limits5());
    assert.deepEqual(answer(harness), ['SUBSCRIBE a/rh0']);
  });

  for (const crash of [false, true]) {
    it(`after Session Present 0 are made again on the next connection too when the first ended before SUBACK${crash ? ', by a crash' : ''}`, () => {
      let harness = new Harness();
      harness.connect();
      subscribe(harness, 'a');
      answer(harness);
      harness.disconnect();
      harness.connect(limits());
      if (crash) harness = harness.restart();
      else harness.disconnect();
      harness.takePackets();
      harness.connect(limits({ sessionPresent: true }));
      assert.deepEqual(answer(harness), ['SUBSCRIBE a']);
    });
  }

  it('refused by the broker stay, inactive, with the reason code; asked for again they are sent again', () => {
    const harness = new Harness();
    harness.connect(limits5());
    subscribe(harness, 'a');
    answer(harness, 0x87);
    const [subscription] = harness.session.subscriptions();
    assert.deepEqual([subscription?.state, subscription?.refusedWith], ['inactive', 0x87]);
    assert.equal(harness.restart().session.subscriptions()[0]?.refusedWith, 0x87);
    subscribe(harness, 'a');
    assert.deepEqual(answer(harness), ['SUBSCRIBE a/rh0']);
    assert.equal(harness.session.subscriptions()[0]?.refusedWith, undefined);
  });

  it('the same request for an active one sends nothing; other options send SUBSCRIBE', () => {
    const harness = new Harness();
    harness.connect();
    subscribe(harness, 'a');
    answer(harness);
    subscribe(harness, 'a');
    assert.deepEqual(answer(harness), []);
    harness.session.subscribe(request('a', { qos: 2 }));
    harness.run();
    assert.deepEqual(answer(harness), ['SUBSCRIBE a']);
  });

  it('deactivated ones are taken back at the broker and kept', () => {
    const harness = new Harness();
    harness.connect();
    subscribe(harness, 'a');
    answer(harness);
    harness.session.deactivate('a');
    harness.run();
    assert.deepEqual(answer(harness), ['UNSUBSCRIBE a']);
    assert.deepEqual(states(harness.restart()), ['a inactive']);
    subscribe(harness, 'a');
    assert.deepEqual(answer(harness), ['SUBSCRIBE a']);
  });

  it('removed while offline are taken back at the next connection, and need nothing when the session is gone', () => {
    const harness = new Harness();
    harness.connect();
    subscribe(harness, 'a', 'b');
    answer(harness);
    harness.disconnect();
    harness.session.unsubscribe('a');
    harness.run();
    const next = harness.restart();
    assert.deepEqual(states(next), ['a removing', 'b active']);
    next.connect(limits({ sessionPresent: true }));
    assert.deepEqual(answer(next), ['UNSUBSCRIBE a', 'SUBSCRIBE b']);
    assert.deepEqual(states(next), ['b active']);
    harness.connect(limits());
    assert.deepEqual(answer(harness), ['SUBSCRIBE b']);
    assert.deepEqual(states(harness), ['b active']);
  });

  it('the last wish wins when asked for and removed quickly', () => {
    const harness = new Harness();
    harness.connect();
    harness.autoDurable = false;
    subscribe(harness, 'a');
    harness.session.unsubscribe('a');
    subscribe(harness, 'a');
    harness.autoDurable = true;
    harness.sync();
    answer(harness);
    assert.deepEqual(states(harness), ['a active']);
    harness.session.unsubscribe('a');
    harness.run();
    const [unsubscribe] = harness.takePackets();
    subscribe(harness, 'a');
    assert.ok(unsubscribe?.cmd === 'unsubscribe');
    harness.receive({ cmd: 'unsuback', messageId: unsubscribe.messageId });
    assert.deepEqual(answer(harness), ['SUBSCRIBE a']);
    assert.deepEqual(states(harness), ['a active']);
  });

  it('more than there are identifiers wait for answers: in 5.0 one filter each, with its Subscription Identifier', () => {
    const harness = new Harness();
    const filters = Array.from({ length: 200 }, (_, index) => `f/${index}`);
    subscribe(harness, ...filters);
    harness.connect(limits5());
    const first = harness.takePackets();
    assert.equal(first.length, 62);
    assert.equal(new Set(first.map(({ messageId }) => messageId)).size, 62);
    const identifiers = first.map((packet) => packet.cmd === 'subscribe' && packet.properties?.subscriptionIdentifier);
    assert.equal(new Set(identifiers).size, 62);
    harness.receive(...first.map(({ messageId }) => ({ cmd: 'suback' as const, messageId: messageId!, granted: [1] })));
    assert.equal(answer(harness).length, 138);
    assert.ok(states(harness).every((state) => state.endsWith(' active')));
  });

  it('Subscription Identifiers persist and are not given twice', () => {
    const harness = new Harness();
    subscribe(harness, 'a', 'b');
    const next = harness.restart();
    subscribe(next, 'c');
    assert.deepEqual(
      next.session.subscriptions().map(({ filter, identifier }) => [filter, identifier]),
      [
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ],
    );
    assert.equal(next.session.subscriptionWithIdentifier(2)?.filter, 'b');
  });
});
