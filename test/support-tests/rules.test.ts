import * as assert from 'node:assert/strict';
import { RuleError } from '../support/rules';
import { Script, type Version } from './rules-fixture';

interface Case {
  rule: string;
  legal: (script: Script) => void;
  illegal: (script: Script) => void;
  /** Default: both. */
  versions?: Version[];
}

const connack = { sessionPresent: true };

const cases: Case[] = [
  {
    rule: 'identifier-zero',
    legal: (s) => s.connect().publish(1),
    illegal: (s) => s.connect().publish(0),
  },
  {
    rule: 'identifier-zero',
    legal: (s) => s.connect().out({ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: '#', qos: 1 }] }),
    illegal: (s) => s.connect().out({ cmd: 'subscribe', messageId: 0, subscriptions: [{ topic: '#', qos: 1 }] }),
  },
  {
    rule: 'identifier-in-use',
    legal: (s) => s.connect().publish(1).acked('puback', 1).publish(1, 1, { payload: 'other' }),
    illegal: (s) => s.connect().publish(1).publish(1, 1, { payload: 'other' }),
  },
  {
    rule: 'identifier-in-use',
    legal: (s) => s.connect().publish(1).connect().publish(1, 1, { payload: 'other' }),
    illegal: (s) => s.connect().publish(1).connect(connack).publish(1, 1, { payload: 'other' }),
  },
  {
    rule: 'identifier-in-use',
    legal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).acked('pubcomp', 1).publish(1),
    illegal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).publish(1, 1, { payload: 'other' }),
  },
  {
    rule: 'identifier-in-use',
    legal: (s) => {
      s.connect().out({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 1 }] });
      s.in({ cmd: 'suback', messageId: 1, granted: [1] }).publish(1);
    },
    illegal: (s) =>
      s
        .connect()
        .out({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 1 }] })
        .publish(1),
  },
  {
    rule: 'identifier-in-use',
    legal: (s) =>
      s
        .connect()
        .publish(1)
        .out({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['#'] }),
    illegal: (s) =>
      s
        .connect()
        .publish(1)
        .out({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['#'] }),
  },
  {
    rule: 'resend-changed',
    legal: (s) => s.connect().publish(1).connect(connack).resend(1),
    illegal: (s) => s.connect().publish(1).connect(connack).resend(1, 1, { payload: 'other' }),
  },
  {
    rule: 'resend-changed',
    legal: (s) => s.connect().publish(1, 1, { retain: true }).connect(connack).resend(1, 1, { retain: true }),
    illegal: (s) => s.connect().publish(1, 1, { retain: true }).connect(connack).resend(1),
  },
  {
    rule: 'resend-changed',
    legal: (s) => s.connect().publish(1, 2).connect(connack).resend(1, 2),
    illegal: (s) => s.connect().publish(1, 2).connect(connack).resend(1, 1),
  },
  {
    rule: 'resend-without-dup',
    legal: (s) => s.connect().publish(1, 2).connect(connack).resend(1, 2),
    illegal: (s) => s.connect().publish(1, 2).connect(connack).publish(1, 2),
  },
  {
    rule: 'dup-on-first-send',
    // Directly after a reconnect it may have been sent before without anybody seeing it.
    legal: (s) => s.connect().publish(1).connect(connack).resend(1).resend(2).publish(3),
    illegal: (s) => s.connect().publish(1).connect(connack).resend(1).publish(2).resend(3),
  },
  {
    rule: 'dup-without-session',
    legal: (s) => s.connect().publish(1).connect().publish(1),
    illegal: (s) => s.connect().publish(1).connect().resend(1),
  },
  {
    rule: 'dup-without-session',
    legal: (s) => s.connect().publish(1).connect({ clean: true }).publish(1),
    illegal: (s) => s.connect().publish(1).connect({ clean: true }).resend(1),
  },
  {
    rule: 'dup-on-qos0',
    legal: (s) => s.connect().out({ cmd: 'publish', qos: 0, dup: false, retain: false, topic: 'a', payload: 'x' }),
    illegal: (s) => s.connect().out({ cmd: 'publish', qos: 0, dup: true, retain: false, topic: 'a', payload: 'x' }),
  },
  {
    rule: 'resend-on-live-connection',
    legal: (s) => s.connect().publish(1).connect(connack).resend(1).connect(connack).resend(1),
    illegal: (s) => s.connect().publish(1).resend(1),
  },
  {
    rule: 'resend-on-live-connection',
    legal: (s) => s.connect().publish(1).connect(connack).resend(1),
    illegal: (s) => s.connect().publish(1).connect(connack).resend(1).resend(1),
  },
  {
    rule: 'resend-on-live-connection',
    legal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).connect(connack).ack('pubrel', 1),
    illegal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1, 1),
  },
  {
    rule: 'resend-incomplete',
    legal: (s) => s.connect().publish(1).publish(2).connect(connack).resend(1).resend(2).publish(3),
    illegal: (s) => s.connect().publish(1).publish(2).connect(connack).resend(1).publish(3).publish(4),
  },
  {
    rule: 'resend-incomplete',
    legal: (s) =>
      s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).connect(connack).ack('pubrel', 1).publish(2),
    illegal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).connect(connack).publish(2),
  },
  {
    rule: 'resend-incomplete',
    // Interrupted while re-sending: the duty goes on to the next connection.
    legal: (s) => {
      s.connect().publish(1).publish(2).connect(connack).resend(1);
      s.connect(connack).resend(1).resend(2).publish(3);
    },
    illegal: (s) => {
      s.connect().publish(1).publish(2).connect(connack).resend(1);
      s.connect(connack).resend(1).publish(3);
    },
  },
  {
    rule: 'resend-incomplete',
    // A message never seen before, with DUP = 1, comes behind everything that was seen.
    legal: (s) => s.connect().publish(1).publish(2).connect(connack).resend(1).resend(2).resend(3),
    illegal: (s) => s.connect().publish(1).publish(2).connect(connack).resend(1).resend(3).resend(4),
  },
  {
    rule: 'resend-of-acknowledged',
    legal: (s) => {
      s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).acked('pubcomp', 1);
      s.connect(connack).publish(2).connect(connack).resend(2).resend(1, 2, { payload: 'other' });
    },
    illegal: (s) => {
      s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).acked('pubcomp', 1);
      s.connect(connack).publish(2).connect(connack).resend(2).resend(1, 2);
    },
  },
  {
    rule: 'resend-order',
    // The second was acknowledged, which the client may not know; the third was never seen.
    legal: (s) => s.connect().publish(1).publish(2).acked('puback', 2).connect(connack).resend(1).resend(2).resend(3),
    illegal: (s) => s.connect().publish(1).publish(2).acked('puback', 2).connect(connack).resend(1).resend(3).resend(2),
  },
  {
    rule: 'pubrel-without-pubrec',
    // Only a session that is older than the checker may hold what the checker has not seen.
    legal: (s) => s.connect(connack).connect(connack).ack('pubrel', 7),
    illegal: (s) => s.connect().connect(connack).ack('pubrel', 7),
  },
  {
    rule: 'resend-order',
    legal: (s) => s.connect().publish(7).publish(3).connect(connack).resend(7).resend(3),
    illegal: (s) => s.connect().publish(7).publish(3).connect(connack).resend(3).resend(7),
  },
  {
    rule: 'resend-order',
    legal: (s) => {
      s.connect().publish(1, 2).publish(2, 2).acked('pubrec', 1).ack('pubrel', 1);
      s.connect(connack).ack('pubrel', 1).resend(2, 2);
    },
    illegal: (s) => {
      s.connect().publish(1, 2).publish(2, 2).acked('pubrec', 1).ack('pubrel', 1);
      s.connect(connack).resend(2, 2).ack('pubrel', 1);
    },
  },
  {
    rule: 'pubrel-without-pubrec',
    legal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1),
    illegal: (s) => s.connect().publish(1, 2).ack('pubrel', 1),
  },
  {
    rule: 'pubrel-without-pubrec',
    legal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).connect(connack).ack('pubrel', 1),
    illegal: (s) => s.connect().publish(1, 2).connect(connack).ack('pubrel', 1),
  },
  {
    rule: 'pubrel-without-pubrec',
    legal: (s) => s.connect().acked('pubrec', 5).ack('pubrel', 5),
    illegal: (s) => s.connect().ack('pubrel', 5),
  },
  {
    rule: 'pubrel-without-pubrec',
    versions: [5],
    legal: (s) => s.connect().publish(1, 2).in({ cmd: 'pubrec', messageId: 1, reasonCode: 0x10 }).ack('pubrel', 1),
    illegal: (s) => s.connect().publish(1, 2).in({ cmd: 'pubrec', messageId: 1, reasonCode: 0x97 }).ack('pubrel', 1),
  },
  {
    rule: 'publish-after-pubrel',
    legal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).connect(connack).resend(1, 2),
    illegal: (s) => s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).connect(connack).resend(1, 2),
  },
  {
    rule: 'publish-after-pubrel',
    legal: (s) => {
      s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).acked('pubcomp', 1);
      s.connect(connack).ack('pubrel', 1);
    },
    // The PUBCOMP may be lost, but the PUBREL shows that the PUBREC was not.
    illegal: (s) => {
      s.connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1).acked('pubcomp', 1);
      s.connect(connack).resend(1, 2);
    },
  },
  {
    rule: 'pubrel-order',
    legal: (s) => s.connect().publish(1, 2).publish(2, 2).acked('pubrec', 2, 1).ack('pubrel', 2, 1),
    illegal: (s) => s.connect().publish(1, 2).publish(2, 2).acked('pubrec', 2, 1).ack('pubrel', 1, 2),
  },
  {
    rule: 'pubrel-order',
    legal: (s) => {
      s.connect().publish(1, 2).publish(2, 2).acked('pubrec', 1, 2).ack('pubrel', 1, 2);
      s.connect(connack).ack('pubrel', 1, 2);
    },
    illegal: (s) => {
      s.connect().publish(1, 2).publish(2, 2).acked('pubrec', 1, 2).ack('pubrel', 1, 2);
      s.connect(connack).ack('pubrel', 2, 1);
    },
  },
  {
    rule: 'puback-order',
    legal: (s) => s.connect().deliver(1).deliver(2).ack('puback', 1, 2),
    illegal: (s) => s.connect().deliver(1).deliver(2).ack('puback', 2, 1),
  },
  {
    rule: 'pubrec-order',
    // The order of PUBACK against PUBREC is free.
    legal: (s) => s.connect().deliver(1, 2).deliver(2, 2).deliver(3, 1).ack('puback', 3).ack('pubrec', 1, 2),
    illegal: (s) => s.connect().deliver(1, 2).deliver(2, 2).ack('pubrec', 2, 1),
  },
  {
    rule: 'acknowledgement-without-cause',
    legal: (s) => s.connect().deliver(1).ack('puback', 1),
    illegal: (s) => s.connect().deliver(1).ack('puback', 1, 1),
  },
  {
    rule: 'acknowledgement-without-cause',
    legal: (s) => s.connect().deliver(1).connect(connack).deliver(1, 1, { dup: true }).ack('puback', 1),
    illegal: (s) => s.connect().deliver(1).connect(connack).ack('puback', 1),
  },
  {
    rule: 'acknowledgement-without-cause',
    legal: (s) => s.connect().deliver(1, 2).ack('pubrec', 1).acked('pubrel', 1).ack('pubcomp', 1),
    illegal: (s) => s.connect().deliver(1, 2).ack('pubrec', 1).ack('pubcomp', 1),
  },
  {
    rule: 'acknowledgement-without-cause',
    // An unknown PUBREL is answered too.
    legal: (s) => s.connect().acked('pubrel', 8).ack('pubcomp', 8),
    illegal: (s) => s.connect().ack('pubrec', 8),
  },
  {
    rule: 'acknowledgement-wrong-type',
    legal: (s) => s.connect().deliver(1, 2).ack('pubrec', 1),
    illegal: (s) => s.connect().deliver(1, 2).ack('puback', 1),
  },
  {
    rule: 'acknowledgement-wrong-type',
    legal: (s) => s.connect().deliver(1, 1).ack('puback', 1),
    illegal: (s) => s.connect().deliver(1, 1).ack('pubrec', 1),
  },
  {
    rule: 'receive-maximum',
    versions: [5],
    // A QoS 2 message counts until PUBCOMP.
    legal: (s) => {
      s.connect({ limits: { receiveMaximum: 2 } })
        .publish(1, 2)
        .publish(2, 2)
        .acked('pubrec', 1)
        .ack('pubrel', 1);
      s.acked('pubcomp', 1).publish(3, 2);
    },
    illegal: (s) => {
      s.connect({ limits: { receiveMaximum: 2 } })
        .publish(1, 2)
        .publish(2, 2)
        .acked('pubrec', 1)
        .ack('pubrel', 1);
      s.publish(3, 2);
    },
  },
  {
    rule: 'receive-maximum',
    versions: [5],
    // Re-sends count, and the maximum is that of the new connection.
    legal: (s) => {
      s.connect()
        .publish(1)
        .publish(2)
        .connect({ ...connack, limits: { receiveMaximum: 1 } });
      s.resend(1).acked('puback', 1).resend(2);
    },
    illegal: (s) =>
      s
        .connect()
        .publish(1)
        .publish(2)
        .connect({ ...connack, limits: { receiveMaximum: 1 } })
        .resend(1)
        .resend(2),
  },
  {
    rule: 'maximum-packet-size',
    versions: [5],
    legal: (s) => s.connect({ limits: { maximumPacketSize: 100 } }).publish(1, 1, { length: 98 }),
    illegal: (s) => s.connect({ limits: { maximumPacketSize: 100 } }).publish(1, 1, { length: 99 }),
  },
  {
    rule: 'resend-incomplete',
    versions: [5],
    // What the broker no longer takes must stay behind; what it takes must not.
    legal: (s) => {
      s.connect()
        .publish(1, 1, { length: 300 })
        .connect({ ...connack, limits: { maximumPacketSize: 100 } });
      s.publish(2, 1, { length: 50 });
    },
    illegal: (s) => {
      s.connect()
        .publish(1, 1, { length: 80 })
        .connect({ ...connack, limits: { maximumPacketSize: 100 } });
      s.publish(2, 1, { length: 50 });
    },
  },
  {
    rule: 'maximum-qos',
    versions: [5],
    legal: (s) => s.connect({ limits: { maximumQoS: 1 } }).publish(1, 1),
    illegal: (s) => s.connect({ limits: { maximumQoS: 1 } }).publish(1, 2),
  },
  {
    rule: 'retain-unavailable',
    versions: [5],
    legal: (s) => s.connect({ limits: { retainAvailable: false } }).publish(1),
    illegal: (s) => s.connect({ limits: { retainAvailable: false } }).publish(1, 1, { retain: true }),
  },
  {
    rule: 'topic-alias-maximum',
    versions: [5],
    legal: (s) => s.connect({ limits: { topicAliasMaximum: 3 } }).publish(1, 1, { properties: { topicAlias: 3 } }),
    illegal: (s) => s.connect({ limits: { topicAliasMaximum: 3 } }).publish(1, 1, { properties: { topicAlias: 4 } }),
  },
  {
    rule: 'topic-alias-unknown',
    versions: [5],
    legal: (s) => {
      s.connect({ limits: { topicAliasMaximum: 3 } }).publish(1, 1, { properties: { topicAlias: 3 } });
      s.publish(2, 1, { topic: '', properties: { topicAlias: 3 } });
    },
    illegal: (s) => {
      s.connect({ limits: { topicAliasMaximum: 3 } }).publish(1, 1, { properties: { topicAlias: 3 } });
      s.publish(2, 1, { topic: '', properties: { topicAlias: 2 } });
    },
  },
  {
    rule: 'after-disconnect',
    legal: (s) => s.connect().publish(1).out({ cmd: 'disconnect' }),
    illegal: (s) => s.connect().out({ cmd: 'disconnect' }).publish(1),
  },
  {
    rule: 'before-connack',
    legal: (s) => s.connectWithoutConnack().connack().publish(1),
    illegal: (s) => s.connectWithoutConnack().publish(1),
  },
  {
    rule: 'connect-twice',
    legal: (s) => s.connect().connect(connack),
    illegal: (s) => s.connect().out({ cmd: 'connect', clientId: 'client' }),
  },
  {
    rule: 'malformed-packet',
    legal: (s) => s.connect(),
    illegal: (s) => s.connect().checker.malformed(s.connection, 'remaining length'),
  },
];

for (const version of [4, 5] as const) {
  describe(`rule checker, MQTT ${version === 5 ? '5.0' : '3.1.1'}`, () => {
    for (const { rule, legal, illegal, versions } of cases) {
      if (versions && !versions.includes(version)) continue;
      it(`${rule}: ${illegal.toString().replace(/\s+/g, ' ').slice(0, 110)}`, () => {
        const good = new Script(version);
        legal(good);
        assert.deepEqual(good.checker.violations, []);
        const bad = new Script(version);
        illegal(bad);
        assert.deepEqual(bad.broken, [rule]);
        const violation = bad.checker.violations[0];
        assert.match(violation?.statement ?? '', version === 5 ? /^[\d.]+-\d+ \(5\.0\)$/ : /^[\d.]+-\d+ \(3\.1\.1\)$/);
        assert.equal(violation?.connection, bad.connection);
        assert.throws(() => bad.checker.assertClean(), RuleError);
      });
    }

    it('connect-missing: a connection that begins with something else', () => {
      const script = new Script(version);
      script.out({ cmd: 'pingreq' });
      assert.deepEqual(script.broken, ['connect-missing']);
    });

    it('an acknowledged message may be sent again after the connection died', () => {
      const script = new Script(version).connect().publish(1).publish(2).acked('puback', 1);
      script.connect(connack).resend(1).resend(2).acked('puback', 1, 2).publish(3);
      assert.deepEqual(script.broken, []);
      assert.deepEqual(script.notes, ['resend-after-acknowledgement']);
    });

    it('the doubt about an acknowledged message ends with the first new message', () => {
      const script = new Script(version).connect().publish(1).publish(2).acked('puback', 1, 2);
      script.connect(connack).publish(3).resend(2);
      assert.deepEqual(script.broken, ['dup-on-first-send']);
    });

    it('the identifier of an acknowledged message may be used for another one after a reconnect', () => {
      const script = new Script(version).connect().publish(1).acked('puback', 1);
      script.connect(connack).publish(1, 1, { payload: 'other' });
      assert.deepEqual(script.broken, []);
    });

    it('a refused CONNACK changes nothing', () => {
      const script = new Script(version)
        .connect()
        .publish(1)
        .connect({ reason: version === 5 ? 0x88 : 3 });
      script.connect(connack).publish(2);
      assert.deepEqual(script.broken, ['resend-incomplete']);
    });

    it('a lost CONNACK without session leaves re-send and new start open', () => {
      const resumed = new Script(version).connect().publish(1).connect().connect(connack).resend(1).publish(2);
      assert.deepEqual(resumed.broken, []);
      const renewed = new Script(version).connect().publish(1).connect().connect(connack).publish(1).publish(2);
      assert.deepEqual(renewed.broken, []);
      const released = new Script(version).connect().publish(1, 2).acked('pubrec', 1).ack('pubrel', 1);
      assert.deepEqual(released.connect().connect(connack).resend(1, 2).broken, []);
    });

    it('a session older than the checker may clear identifiers with PUBREL, and waits for PUBCOMP then', () => {
      const script = new Script(version).connect(connack).ack('pubrel', 4).acked('pubcomp', 4).publish(4, 2);
      assert.deepEqual(script.broken, []);
      assert.deepEqual(script.notes, ['pubrel-clears-identifier']);
      script.ack('pubrel', 5).publish(5, 2);
      assert.deepEqual(script.broken, ['identifier-in-use']);
    });

    it('takes an identifier as free whose clearing was lost with the connection', () => {
      const script = new Script(version).connect(connack).ack('pubrel', 4).close();
      script.connect(connack).publish(4);
      assert.deepEqual(script.broken, []);
    });

    it('a client whose state was taken away owes nothing, and may clear identifiers', () => {
      const script = new Script(version).connect().publish(1, 2).close();
      script.checker.clientStateLost('client');
      script.connect(connack).ack('pubrel', 1).acked('pubcomp', 1).publish(1, 2, { payload: 'other' });
      assert.deepEqual(script.broken, []);
      script.connect(connack).publish(2);
      assert.deepEqual(script.broken, ['resend-incomplete']);
    });

    it('packets of a replaced connection are not judged', () => {
      const script = new Script(version).connect().publish(1);
      const replaced = script.connection;
      script.connectWithoutConnack().connack(connack).resend(1);
      script.checker.packet(replaced, 'toBroker', {
        ...{ cmd: 'publish', messageId: 1, qos: 1, dup: true, retain: false, topic: 'a', payload: 'late' },
      });
      script.checker.connectionClosed(replaced);
      assert.deepEqual(script.broken, []);
      assert.deepEqual(script.notes, ['late-packet']);
      assert.deepEqual(script.checker.openIdentifiers('client'), [1]);
    });

    it('clients have sessions of their own', () => {
      const script = new Script(version).connect({ clientId: 'one' }).publish(1);
      script.connectWithoutConnack({ clientId: 'two' }).connack().publish(1, 1, { payload: 'other' });
      assert.deepEqual(script.broken, []);
      assert.deepEqual(script.checker.openIdentifiers('one'), [1]);
    });

    it('a session that ends with its connection leaves nothing behind', () => {
      const options = { clean: true, sessionExpiry: 0 };
      const script = new Script(version).connect(options).publish(1).close();
      assert.deepEqual(script.checker.openIdentifiers('client'), []);
    });

    it('a clean start ends the session before it is answered', () => {
      const script = new Script(version).connect().publish(1).connectWithoutConnack({ clean: true });
      assert.deepEqual(script.checker.openIdentifiers('client'), []);
    });

    it('a delivery is no repetition when the broker has lost the session', () => {
      const script = new Script(version).connect().deliver(1, 2).deliver(2).connect().deliver(1, 2).deliver(2);
      assert.deepEqual(
        script.checker.deliveries.map((delivery) => delivery.repeat),
        [false, false, false, false],
      );
    });

    it('assertSettled finds re-sends that never came, open messages and owed acknowledgements', () => {
      const idle = new Script(version).connect().publish(1).connect(connack);
      assert.throws(() => idle.checker.assertSettled({ open: true }), /resend-incomplete/);
      const open = new Script(version).connect().publish(1);
      open.checker.assertSettled({ open: true });
      assert.throws(() => open.checker.assertSettled(), /1 messages not acknowledged: 1/);
      open.acked('puback', 1).checker.assertSettled();
      const owed = new Script(version).connect().deliver(1).deliver(2, 2);
      assert.deepEqual(owed.checker.unsettled(), ['client: PUBACK owed for 1', 'client: PUBREC owed for 2']);
      owed.ack('puback', 1).ack('pubrec', 2).acked('pubrel', 2);
      assert.deepEqual(owed.checker.unsettled(), ['client: PUBCOMP owed for 2']);
      owed.ack('pubcomp', 2).checker.assertSettled();
    });

    it('deliveries tell repetitions from new messages', () => {
      const script = new Script(version).connect().deliver(1, 2).deliver(2, 1).ack('pubrec', 1);
      script.connect(connack).deliver(1, 2, { dup: true }).deliver(2, 1, { dup: true });
      script.ack('pubrec', 1).acked('pubrel', 1).connect(connack).deliver(1, 2, { dup: true });
      script.ack('pubrec', 1).acked('pubrel', 1).ack('pubcomp', 1).deliver(1, 2);
      const seen = script.checker.deliveries.map((d) => [d.connection, d.identifier, d.repeat, d.afterRelease]);
      assert.deepEqual(seen, [
        [1, 1, false, false],
        [1, 2, false, false],
        [2, 1, true, false],
        [2, 2, true, false],
        [3, 1, false, true],
        [3, 1, false, false],
      ]);
      assert.equal(script.checker.deliveries[0]?.payload.toString(), 'message 1');
    });
  });
}
