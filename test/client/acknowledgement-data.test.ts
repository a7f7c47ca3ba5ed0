import * as assert from 'node:assert/strict';
import * as vm from 'node:vm';
import { acknowledge } from '../../src/admin/acknowledge';
import type { AcknowledgementReference } from '../../src/client/acknowledgement-reference';
import { ManualAcknowledgements, type UnacknowledgedReport } from '../../src/client/manual-acknowledgements';
import type { Delivery } from '../../src/session/effects';
import { ManualScheduler } from '../support/manual-scheduler';
import { message } from './bed';

const MINUTE_MS = 60_000;

function delivery(number: number, topic = 'a'): Delivery {
  return {
    delivery: number,
    identifier: number,
    message: message('x', { topic }),
    dup: false,
    redelivered: false,
    subscriptionIdentifiers: [],
  };
}

const route = (subscriber: string) =>
  ({ subscriber, filter: 'a', handler: () => undefined, acknowledge: 'manual' }) as const;

describe('the data of an acknowledgement', () => {
  const manual = new ManualAcknowledgements('plant', new ManualScheduler(), () => undefined);
  let deliveries = 0;
  beforeEach(() => manual.begin());
  after(() => manual.end());

  function reference(): AcknowledgementReference {
    const [given] = manual.expect(delivery(++deliveries), [route('node')], () => undefined);
    return given as AcknowledgementReference;
  }

  const code = (expected: string) => (error: Error & { code?: string }) => {
    assert.equal(error.code, expected, error.message);
    return true;
  };

  it('is plain, and survives cloning, JSON and another realm', () => {
    assert.equal(Object.getPrototypeOf(reference()), Object.prototype);
    assert.equal(acknowledge(structuredClone(reference())), 'plant');
    assert.equal(acknowledge(JSON.parse(JSON.stringify(reference()))), 'plant');
    const inFunctionNode = vm.runInNewContext('JSON.parse(text)', { text: JSON.stringify(reference()) });
    assert.equal(acknowledge(inFunctionNode), 'plant');
    assert.equal(acknowledge(Object.assign(Object.create(null), reference())), 'plant');
    assert.equal(acknowledge({ ...reference(), note: 'more does not matter' }), 'plant');
  });

  const wrong: [string, (good: AcknowledgementReference) => unknown][] = [
    ['nothing', () => undefined],
    ['null', () => null],
    ['a text', (good) => JSON.stringify(good)],
    ['a number', (good) => good.token],
    ['a function', () => () => undefined],
    ['an array', (good) => [good.session, good.epoch, good.token]],
    ['an empty object', () => ({})],
    ['no session', ({ epoch, token }) => ({ epoch, token })],
    ['another session', (good) => ({ ...good, session: 'other' })],
    ['an object as session', (good) => ({ ...good, session: { toString: () => good.session } })],
    ['an empty epoch', (good) => ({ ...good, epoch: '' })],
    ['an array as epoch', (good) => ({ ...good, epoch: [good.epoch] })],
    ['a token as text', (good) => ({ ...good, token: String(good.token) })],
    ['a token as bigint', (good) => ({ ...good, token: BigInt(good.token) })],
    ['a token that is no number', (good) => ({ ...good, token: Number.NaN })],
    ['a token of 0', (good) => ({ ...good, token: 0 })],
    ['a negative token', (good) => ({ ...good, token: -1 })],
    ['a fraction', (good) => ({ ...good, token: good.token + 0.5 })],
    ['a token beyond those given out', (good) => ({ ...good, token: good.token + 1 })],
    ['a huge token', (good) => ({ ...good, token: 2 ** 60 })],
    ['inherited values', (good) => Object.create(good)],
    ['values in __proto__', (good) => JSON.parse(`{"__proto__": ${JSON.stringify(good)}}`)],
    ['computed values', (good) => Object.defineProperty({ ...good }, 'token', { get: () => good.token })],
    [
      'a proxy that throws',
      (good) =>
        new Proxy(good, {
          getOwnPropertyDescriptor: () => {
            throw new Error('trap');
          },
        }),
    ],
  ];
  for (const [what, make] of wrong) {
    it(`is refused: ${what}`, () => {
      const good = reference();
      assert.throws(() => acknowledge(make(good)), code('ERR_ACKNOWLEDGEMENT'));
      assert.equal(acknowledge(good), 'plant', 'and nothing was acknowledged by it');
    });
  }

  it('of another time is late, whatever it names', () => {
    const old = reference();
    manual.begin();
    reference();
    assert.throws(() => acknowledge(old), code('ERR_ACKNOWLEDGEMENT_LATE'));
    assert.throws(() => acknowledge({ ...old, epoch: 'toString' }), code('ERR_ACKNOWLEDGEMENT_LATE'));
    assert.throws(() => acknowledge({ ...old, epoch: '__proto__' }), code('ERR_ACKNOWLEDGEMENT_LATE'));
  });

  it('of another time does not count for what has the same token now', () => {
    const old = reference();
    manual.begin();
    const present = reference();
    assert.equal(present.token, old.token);
    assert.equal(manual.acknowledge(old.epoch, old.token), 'other-epoch');
    assert.equal(manual.acknowledge(present.epoch, present.token), 'counted');
  });

  it('twice is an error that says so', () => {
    const given = reference();
    acknowledge(given);
    assert.throws(() => acknowledge(given), code('ERR_ACKNOWLEDGED'));
    assert.throws(() => acknowledge(given), /acknowledged before/);
  });

  it('says what became of it: the subscriber has gone, or the broker does not wait', () => {
    const gone = reference();
    manual.left('node');
    assert.throws(() => acknowledge(gone), code('ERR_ACKNOWLEDGEMENT_LATE'));
    assert.throws(() => acknowledge(gone), /deployed again or disabled/);
    const withdrawn = reference();
    manual.withdrawn(deliveries);
    assert.throws(() => acknowledge(withdrawn), /does not wait/);
  });
});

describe('a message without acknowledgement', () => {
  it('is reported after a minute and every minute, the oldest one, until there is none', () => {
    const scheduler = new ManualScheduler();
    const reports: UnacknowledgedReport[] = [];
    const manual = new ManualAcknowledgements('plant', scheduler, (report) => reports.push(report));
    manual.begin();
    const received = scheduler.now();
    const [first] = manual.expect(delivery(1, 'one'), [route('node')], () => undefined);
    scheduler.advance(MINUTE_MS / 2);
    const [second] = manual.expect(delivery(2, 'two'), [route('other')], () => undefined);
    scheduler.advance(MINUTE_MS / 2 - 1);
    assert.deepEqual(reports, []);
    scheduler.advance(1);
    assert.deepEqual(reports, [
      {
        count: 2,
        topic: 'one',
        subscriber: 'node',
        isSubscriberGone: false,
        receivedAt: received,
        waitingMs: MINUTE_MS,
      },
    ]);
    manual.left('node');
    scheduler.advance(MINUTE_MS);
    assert.deepEqual(
      reports.map(({ isSubscriberGone }) => isSubscriberGone),
      [false, true],
    );
    assert.equal(first?.token, 1);
    manual.withdrawn(1);
    manual.handOverAgain(
      () => 'abandoned',
      async () => undefined,
    );
    scheduler.advance(MINUTE_MS);
    assert.deepEqual(
      reports.slice(2).map(({ count, topic }) => [count, topic]),
      [[1, 'two']],
    );
    assert.equal(manual.acknowledge(second?.epoch ?? '', second?.token ?? 0), 'counted');
    assert.equal(scheduler.pending, 0);
    scheduler.advance(10 * MINUTE_MS);
    assert.equal(reports.length, 3);
  });

  it('that is younger than a minute is not reported when an older one was acknowledged', () => {
    const scheduler = new ManualScheduler();
    const reports: UnacknowledgedReport[] = [];
    const manual = new ManualAcknowledgements('plant', scheduler, (report) => reports.push(report));
    manual.begin();
    const [first] = manual.expect(delivery(1, 'one'), [route('node')], () => undefined);
    scheduler.advance(MINUTE_MS / 2);
    manual.expect(delivery(2, 'two'), [route('node')], () => undefined);
    manual.acknowledge(first?.epoch ?? '', 1);
    scheduler.advance(MINUTE_MS / 2);
    assert.deepEqual(reports, []);
    scheduler.advance(MINUTE_MS / 2);
    assert.deepEqual(
      reports.map(({ topic, waitingMs }) => [topic, waitingMs]),
      [['two', MINUTE_MS]],
    );
    manual.end();
    assert.equal(scheduler.pending, 0);
  });
});
