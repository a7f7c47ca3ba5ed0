import assert from 'node:assert/strict';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { before, describe, it } from 'mocha';

interface Counter {
  take(count: number): string[];
  sent(message: string): void;
  received(message: string | Buffer): void;
  totals(): { sent: number; received: number; missing: number; doubled: number };
}

describe("the demo's counter", () => {
  let Counter: new (saved?: unknown) => Counter;

  before(async () => {
    const file = path.resolve(__dirname, '..', '..', 'scripts', 'demo', 'counter.mjs');
    ({ Counter } = (await import(pathToFileURL(file).href)) as { Counter: typeof Counter });
  });

  it('calls missing what was sent and did not arrive', () => {
    const counter = new Counter();
    const [first = '', second = ''] = counter.take(3);
    counter.sent(first);
    counter.sent(second);
    counter.received(Buffer.from(second));
    assert.deepEqual(counter.totals(), { sent: 2, received: 1, missing: 1, doubled: 0 });
  });

  it('calls doubled what arrived more than once', () => {
    const counter = new Counter();
    const [message = ''] = counter.take(1);
    counter.sent(message);
    for (let time = 0; time < 3; time++) counter.received(message);
    assert.deepEqual(counter.totals(), { sent: 1, received: 1, missing: 0, doubled: 2 });
  });

  it('takes what arrived for sent, although the report of it was lost', () => {
    const counter = new Counter();
    const [message = ''] = counter.take(1);
    counter.received(message);
    assert.deepEqual(counter.totals(), { sent: 1, received: 1, missing: 0, doubled: 0 });
  });

  it('goes on where it was saved, and gives out no number twice', () => {
    const counter = new Counter();
    const messages = counter.take(5);
    for (const message of messages) counter.sent(message);
    counter.received(messages[0]!);
    counter.received(messages[3]!);

    const next = new Counter(JSON.parse(JSON.stringify(counter)));
    assert.deepEqual(next.totals(), { sent: 5, received: 2, missing: 3, doubled: 0 });
    next.received(messages[3]!);
    next.received(messages[4]!);
    assert.deepEqual(next.totals(), { sent: 5, received: 3, missing: 2, doubled: 1 });
    assert.ok(!messages.includes(next.take(1)[0]!));
  });

  it('does not count messages of another run, nor what a person sends', () => {
    const counter = new Counter();
    const [foreign = ''] = new Counter().take(1);
    for (const message of [foreign, 'hello', '', '{"number":1}']) {
      counter.sent(message);
      counter.received(Buffer.from(message));
    }
    assert.deepEqual(counter.totals(), { sent: 0, received: 0, missing: 0, doubled: 0 });
  });
});
