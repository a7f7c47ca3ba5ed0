import assert from 'node:assert/strict';
import { RECENT_ERRORS_MAX, RecentErrors } from '../../src/admin/recent-errors';
import { SessionError, type SessionErrorCode } from '../../src/errors';

describe('the last errors of a session', () => {
  const unreachable = (code: string) =>
    new SessionError('ERR_BROKER_UNREACHABLE', `It cannot be reached: ${code}.`, { details: { code } });

  it('are there newest first, each with its code, its facts and its time', () => {
    let now = 1_000;
    const errors = new RecentErrors(() => now);
    errors.add(unreachable('ECONNREFUSED'));
    now = 2_000;
    errors.add(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    assert.deepEqual(errors.list(), [
      { code: 'ENOSPC', message: 'no space', since: 2_000, at: 2_000, count: 1 },
      {
        code: 'ERR_BROKER_UNREACHABLE',
        message: 'It cannot be reached: ECONNREFUSED.',
        facts: { code: 'ECONNREFUSED' },
        since: 1_000,
        at: 1_000,
        count: 1,
      },
    ]);
  });

  it('are counted when they come again, so that others stay', () => {
    let now = 0;
    const errors = new RecentErrors(() => now);
    errors.add(new Error('a listener threw'));
    for (now = 1; now <= 1_000; now++) errors.add(unreachable('ECONNREFUSED'));
    for (now = 2_001; now <= 3_000; now++) {
      const topic = `plant/${now}`;
      errors.add(
        new SessionError('ERR_MESSAGE_REFUSED', `Refused: ${topic}`, { details: { topic, reasonCode: 0x87 } }),
      );
    }
    errors.add(unreachable('EHOSTUNREACH'));
    const list = errors.list().map(({ message, count, since }) => [message, count, since]);
    assert.deepEqual(list, [
      ['It cannot be reached: EHOSTUNREACH.', 1, 3_001],
      ['Refused: plant/3000', 1_000, 2_001],
      ['It cannot be reached: ECONNREFUSED.', 1_000, 1],
      ['a listener threw', 1, 0],
    ]);
  });

  it('are a few', () => {
    const errors = new RecentErrors();
    for (let number = 0; number < 100; number++) errors.add(new SessionError(`ERR_${number}` as SessionErrorCode, 'x'));
    assert.equal(errors.list().length, RECENT_ERRORS_MAX);
    assert.equal(errors.list()[0]?.code, 'ERR_99');
  });
});
