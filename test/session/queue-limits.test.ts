import * as assert from 'node:assert/strict';
import { Harness, limits5, message, payloads } from './harness';

const SIZE = 9 + 1 + 100;
const text = (character: string) => character.repeat(100);

describe('session: a full queue', () => {
  it('rejects a message that does not fit, and takes it again after something left', () => {
    const harness = new Harness({ maxBytes: 2 * SIZE });
    harness.publish(1, text('a'));
    const second = harness.publish(1, text('b'));
    assert.equal(harness.session.publish(message(1, text('c')), undefined, false, harness.now).kind, 'full');
    assert.deepEqual(harness.session.stored, { count: 2, bytes: 2 * SIZE });
    harness.connect(limits5());
    harness.receive({ cmd: 'puback', messageId: second });
    assert.ok(harness.publish(1, text('c')) > 0);
  });

  it('drops the oldest when told so, counts them, and never one that was sent', () => {
    const harness = new Harness({ maxBytes: 3 * SIZE, whenFull: 'dropOldest' });
    harness.connect(limits5({ receiveMaximum: 1 }));
    for (const character of 'abcd') harness.publish(1, text(character));
    assert.deepEqual(
      harness.of('discarded').map(({ reason, message }) => [reason, message.payload.toString('utf8', 0, 1)]),
      [['dropped', 'b']],
    );
    assert.deepEqual(harness.of('report').at(-1)?.report, { kind: 'dropped-oldest', count: 1 });
    assert.equal(harness.session.stored.count, 3);
  });

  it('drops only what is durable, and nothing for a message that can never fit', () => {
    const harness = new Harness({ maxBytes: SIZE, whenFull: 'dropOldest' });
    harness.autoDurable = false;
    harness.publish(1, text('a'));
    assert.equal(harness.session.publish(message(1, text('b')), undefined, false, harness.now).kind, 'full');
    harness.sync();
    assert.equal(harness.session.publish(message(1, text('b') + text('b')), undefined, false, 0).kind, 'full');
    assert.deepEqual(harness.of('discarded'), []);
  });

  it('tells nobody that a message was dropped before a crash cannot bring it back', () => {
    const harness = new Harness({ maxBytes: 2 * SIZE, whenFull: 'dropOldest' });
    for (const character of 'ab') harness.publish(1, text(character));
    harness.autoDurable = false;
    harness.publish(1, text('c'));
    assert.equal(harness.session.stored.count, 2);
    assert.deepEqual(harness.of('discarded'), []);
    harness.fail();
    assert.deepEqual(harness.of('discarded'), [], 'the record of it was not kept');
    harness.sync();
    assert.equal(harness.of('discarded').length, 1);
  });

  it('takes a burst, and drops the oldest as soon as they are read, when they are on disk only', () => {
    const large = (index: number) => String(index).padEnd(50_000, '.');
    const sizes = new Harness();
    sizes.publish(1, large(0));
    const maxBytes = 60 * sizes.session.stored.bytes;
    const harness = new Harness({ maxBytes, whenFull: 'dropOldest' });
    for (let index = 0; index < 60; index++) harness.publish(1, large(index));
    harness.autoLoad = false;
    const outcomes = new Set<string>();
    for (let index = 60; index < 110; index++) {
      outcomes.add(harness.session.publish(message(1, large(index)), undefined, false, harness.now).kind);
    }
    assert.deepEqual([...outcomes], ['stored']);
    harness.run();
    while (harness.loads.length > 0) harness.answerLoad();
    assert.deepEqual(harness.session.stored, { count: 60, bytes: maxBytes });
    assert.deepEqual(
      harness.of('discarded').map(({ message }) => message.payload.toString()),
      Array.from({ length: 50 }, (_, index) => large(index)),
    );
    harness.autoLoad = true;
    const next = harness.restart();
    next.connect(limits5());
    assert.equal(next.session.stored.count, 60);
    assert.equal(payloads(next.takePackets())[0], large(50));
  });

  it('drops nothing when the message would not fit beside what is in flight', () => {
    const harness = new Harness({ maxBytes: 3 * SIZE, whenFull: 'dropOldest' });
    harness.connect(limits5({ receiveMaximum: 1 }));
    for (const character of 'abc') harness.publish(1, text(character));
    const large = message(1, 'x'.repeat(250));
    assert.equal(harness.session.publish(large, undefined, false, harness.now).kind, 'full');
    assert.deepEqual([harness.session.stored.count, harness.of('discarded').length], [3, 0]);
  });

  it('does not bring dropped messages back after a crash', () => {
    const harness = new Harness({ maxBytes: 2 * SIZE, whenFull: 'dropOldest' });
    for (const character of 'abcde') harness.publish(1, text(character));
    const next = harness.restart();
    assert.deepEqual(next.session.stored, { count: 2, bytes: 2 * SIZE });
    next.connect(limits5());
    assert.deepEqual(payloads(next.takePackets()), [text('d'), text('e')]);
  });
});
