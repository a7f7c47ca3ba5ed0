import * as assert from 'node:assert/strict';
import { WaitTimeoutError, waitFor, within } from '../support/wait';

describe('waiting', () => {
  it('ends with the first truthy answer', async () => {
    let looks = 0;
    const condition = async () => (++looks === 3 ? 'third' : undefined);
    assert.equal(await waitFor(condition, { what: 'the third look', intervalMs: 1 }), 'third');
    assert.equal(looks, 3);
  });

  it('says what it waited for, and the state of things', async () => {
    const waiting = waitFor(() => false, {
      what: 'the impossible',
      timeoutMs: 5,
      intervalMs: 1,
      detail: () => 'state 7',
    });
    await assert.rejects(waiting, {
      name: 'Error',
      code: 'WAIT_TIMEOUT',
      message: /5 ms for: the impossible\nstate 7/,
    });
  });

  it('takes an error of the condition for an error', async () => {
    const broken = () => {
      throw new TypeError('broken look');
    };
    await assert.rejects(waitFor(broken, { what: 'anything' }), TypeError);
  });

  it('bounds a promise', async () => {
    assert.equal(await within(Promise.resolve(1), 1_000, 'one'), 1);
    await assert.rejects(within(new Promise(() => {}), 5, 'nothing'), WaitTimeoutError);
  });
});
