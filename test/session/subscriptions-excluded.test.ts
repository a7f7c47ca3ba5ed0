import * as assert from 'node:assert/strict';
import { Harness, limits5 } from './harness';

/** CONNACK of MQTT 5 may exclude kinds of filters; a SUBSCRIBE for one of them would end the connection, every time. */
describe('session: subscriptions that the broker excludes', () => {
  const EXCLUDED = [
    { limit: 'sharedSubscriptionAvailable', filter: '$share/group/a', code: 0x9e, statement: '3.2.2.3.13' },
    { limit: 'wildcardSubscriptionAvailable', filter: 'a/+', code: 0xa2, statement: '3.2.2.3.11' },
    { limit: 'wildcardSubscriptionAvailable', filter: 'a/#', code: 0xa2, statement: '3.2.2.3.11' },
  ] as const;

  function subscribe(harness: Harness, filter: string): void {
    harness.session.subscribe({ filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 });
    harness.run();
  }

  for (const { limit, filter, code, statement } of EXCLUDED) {
    it(`${filter} is not sent but counts as refused without ${limit} (${statement} (5.0)), until a broker takes it`, () => {
      const harness = new Harness();
      subscribe(harness, filter);
      subscribe(harness, 'plain');
      harness.connect(limits5({ [limit]: false }));
      const sent = () =>
        harness.takePackets().flatMap((packet) => (packet.cmd === 'subscribe' ? packet.subscriptions : []));
      assert.deepEqual(
        sent().map(({ topic }) => topic),
        ['plain'],
      );
      const { state, refusedWith } = harness.session.subscriptions()[0] ?? {};
      assert.deepEqual([state, refusedWith], ['inactive', code]);
      assert.equal(harness.of('subscription').at(-1)?.subscription.refusedWith, code);

      harness.disconnect();
      harness.connect(limits5());
      assert.ok(sent().some(({ topic }) => topic === filter));
    });
  }
});
