import * as assert from 'node:assert/strict';
import type { OutboundPacket } from '../../src/session/packets';
import { RecordKind } from '../../src/session/records';
import { Harness, inbound, limits, limits5, pubrel } from './harness';

function receivedIdentifiers({ records }: Harness): number[] {
  return records.flatMap(({ record }) => (record.kind === RecordKind.Received ? record.identifiers : []));
}

describe('session: inbound acknowledgement', () => {
  it('delivers QoS 0 and acknowledges nothing', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(0, 0));
    harness.handled(0);
    assert.deepEqual([harness.deliveries.length, harness.sent()], [1, []]);
  });

  it('sends PUBACK when the message was handled, in the order of receipt (MQTT-4.6.0-2 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(1, 1), inbound(1, 2), inbound(1, 3));
    harness.handled(1);
    assert.deepEqual(harness.sent(), []);
    harness.handled(0);
    assert.deepEqual(harness.sent(), ['PUBACK 1', 'PUBACK 2']);
    harness.handled(2);
    assert.deepEqual(harness.sent(), ['PUBACK 3']);
  });

  it('sends PUBREC after the identifier is durable, in the order of receipt (MQTT-4.3.3-2, MQTT-4.6.0-3 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    harness.autoDurable = false;
    harness.receive(inbound(2, 1), inbound(2, 2));
    harness.handled(1);
    harness.handled(0);
    assert.deepEqual(harness.sent(), []);
    assert.deepEqual(receivedIdentifiers(harness), [2, 1]);
    harness.sync();
    assert.deepEqual(harness.sent(), ['PUBREC 1', 'PUBREC 2']);
  });

  it('has a bounded number of handshakes under way: the next PUBREC goes out when one ends', () => {
    const harness = new Harness({ handshakesMax: 2 });
    harness.connect();
    harness.receive(inbound(2, 1), inbound(2, 2), inbound(2, 3), inbound(1, 4), inbound(2, 5));
    for (const delivery of [0, 1, 2, 3, 4]) harness.handled(delivery);
    assert.deepEqual(harness.sent(), ['PUBREC 1', 'PUBREC 2', 'PUBACK 4']);
    harness.receive(pubrel(2));
    assert.deepEqual(harness.sent(), ['PUBCOMP 2', 'PUBREC 3']);
    // One that is not under way, from before this connection, makes no room.
    harness.receive(pubrel(9));
    assert.deepEqual(harness.sent(), ['PUBCOMP 9']);
    harness.receive(pubrel(1), pubrel(3));
    assert.deepEqual(harness.sent(), ['PUBCOMP 1', 'PUBCOMP 3', 'PUBREC 5']);
  });

  it('begins to count anew with a connection', () => {
    const harness = new Harness({ handshakesMax: 1 });
    harness.connect();
    harness.receive(inbound(2, 1), inbound(2, 2));
    for (const delivery of [0, 1]) harness.handled(delivery);
    assert.deepEqual(harness.sent(), ['PUBREC 1']);
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    harness.takePackets();
    harness.receive(inbound(2, 1, 'x', true), inbound(2, 2, 'x', true));
    assert.deepEqual([harness.sent(), harness.deliveries.length], [['PUBREC 1'], 2]);
    harness.receive(pubrel(1));
    assert.deepEqual(harness.sent(), ['PUBCOMP 1', 'PUBREC 2']);
  });

  it('sends PUBCOMP after the removal of the identifier is durable (crash reading of MQTT-4.3.3-2 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(2, 1));
    harness.handled(0);
    harness.takePackets();
    harness.autoDurable = false;
    harness.receive(pubrel(1));
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.deepEqual(harness.sent(), ['PUBCOMP 1']);
  });

  it('answers PUBREL of an unknown identifier by PUBCOMP, in MQTT 5 with 0x92', () => {
    const old = new Harness();
    old.connect();
    old.receive(pubrel(4));
    assert.deepEqual(old.takePackets(), [{ cmd: 'pubcomp', messageId: 4 }] satisfies OutboundPacket[]);
    const five = new Harness();
    five.connect(limits5());
    five.receive(pubrel(4));
    assert.deepEqual(five.takePackets(), [{ cmd: 'pubcomp', messageId: 4, reasonCode: 0x92 }]);
  });

  it('takes a PUBLISH after PUBCOMP, and after PUBACK, as a new message (MQTT-4.3.2-2 (3.1.1), MQTT-4.3.3-12 (5.0))', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(2, 1));
    harness.handled(0);
    harness.receive(pubrel(1));
    harness.receive(inbound(2, 1));
    assert.equal(harness.deliveries.length, 2);
    harness.handled(1);
    harness.receive(inbound(1, 7));
    harness.handled(2);
    harness.receive(inbound(1, 7));
    assert.equal(harness.deliveries.length, 4);
  });

  it('ends the connection with 0x93 when the broker exceeds our Receive Maximum (MQTT-3.3.4-9 (5.0))', () => {
    const harness = new Harness({ receiveMaximum: 2 });
    harness.connect(limits5());
    harness.receive(inbound(1, 1), inbound(2, 2));
    assert.deepEqual(harness.of('close'), []);
    harness.receive(inbound(1, 3));
    assert.equal(harness.of('close')[0]?.reasonCode, 0x93);
    assert.equal(harness.deliveries.length, 2);
  });

  it('puts up with more than our Receive Maximum while the flow takes it: Mosquitto does that after a reconnect', () => {
    const harness = new Harness({ receiveMaximum: 1 });
    harness.connect(limits5());
    for (let identifier = 1; identifier <= 5; identifier++) {
      harness.receive(inbound(2, identifier));
      harness.handled(identifier - 1);
    }
    harness.receive(inbound(2, 5, 'x', true));
    assert.deepEqual(harness.of('close'), []);
    assert.equal(harness.deliveries.length, 5);
  });

  it('does not count what the flow has taken and not acknowledged yet, and acknowledges it in the order of receipt', () => {
    const harness = new Harness({ receiveMaximum: 1 });
    harness.connect(limits5());
    for (let identifier = 1; identifier <= 3; identifier++) {
      harness.receive(inbound(1, identifier));
      const { delivery } = harness.deliveries[identifier - 1]!;
      harness.session.taken(delivery, identifier);
    }
    assert.deepEqual(harness.of('close'), []);
    assert.deepEqual(harness.sent(), []);
    harness.handled(1);
    assert.deepEqual(harness.sent(), []);
    harness.handled(0);
    harness.handled(2);
    assert.deepEqual(harness.sent(), ['PUBACK 1', 'PUBACK 2', 'PUBACK 3']);
  });

  it('bounds what is handed over and not handled: beyond it the broker keeps the rest', () => {
    const harness = new Harness();
    harness.connect();
    const payload = 'x'.repeat(9 * 1024 * 1024);
    harness.receive(inbound(1, 1, payload), inbound(1, 2, payload));
    assert.deepEqual(
      harness.of('close').map(({ reason }) => reason),
      ['inbound-overflow'],
    );
    assert.equal(harness.deliveries.length, 1);
  });

  it('ends the connection when an identifier is used again before its acknowledgement (MQTT-2.2.1-4 (5.0))', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.receive(inbound(1, 1), inbound(1, 1));
    assert.equal(harness.of('close')[0]?.reason, 'protocol-error');
  });

  it('acknowledges nothing on a connection on which the message did not come', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(1, 1), inbound(2, 2));
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    harness.handled(0);
    harness.handled(1);
    assert.deepEqual(harness.sent(), []);
  });
});
