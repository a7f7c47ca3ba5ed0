import * as assert from 'node:assert/strict';
import type { QoS } from '../../src/session/message';
import { Harness, limits } from './harness';

function ask(harness: Harness, qos: QoS): void {
  harness.session.subscribe({ filter: 'a', qos, noLocal: false, retainAsPublished: false, retainHandling: 0 });
  harness.run();
}

function lastIdentifier(harness: Harness): number {
  return harness.takePackets().at(-1)?.messageId as number;
}

function subscribed(harness: Harness): string[] {
  return harness
    .takePackets()
    .flatMap((packet) => (packet.cmd === 'subscribe' ? [`QoS ${packet.subscriptions[0]?.qos}`] : []));
}

describe('session: the answer to a SUBSCRIBE that was followed by another', () => {
  it('does not make the later one active: it is sent again when the connection ends before its own answer', () => {
    const harness = new Harness();
    harness.connect();
    ask(harness, 0);
    const first = lastIdentifier(harness);
    ask(harness, 2);
    harness.takePackets();
    harness.receive({ cmd: 'suback', messageId: first, granted: [0] });
    assert.equal(harness.session.subscription('a')?.state, 'requested');
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(subscribed(harness), ['QoS 2']);
  });

  it('nor after an UNSUBSCRIBE in between', () => {
    const harness = new Harness();
    harness.connect();
    ask(harness, 1);
    const first = lastIdentifier(harness);
    harness.session.unsubscribe('a');
    harness.run();
    ask(harness, 1);
    harness.takePackets();
    harness.receive({ cmd: 'suback', messageId: first, granted: [1] });
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(subscribed(harness), ['QoS 1']);
  });
});

describe('session: a refused subscription', () => {
  it('is asked for again on the next connection', () => {
    const harness = new Harness();
    harness.connect();
    ask(harness, 1);
    harness.receive({ cmd: 'suback', messageId: lastIdentifier(harness), granted: [0x80] });
    assert.equal(harness.session.subscription('a')?.refusedWith, 0x80);
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(subscribed(harness), ['QoS 1']);
  });
});
