import * as assert from 'node:assert/strict';
import { judgeReport } from './check';

function report(passes: number, stack?: string) {
  const failures = stack === undefined ? [] : [{ fullTitle: 'a title', err: { message: 'no', stack } }];
  return { stats: { tests: passes + failures.length, passes, failures: failures.length }, failures };
}

describe('a deliberate bug', () => {
  it('is caught by an expectation that fails, or a condition that never comes', () => {
    for (const stack of [
      'AssertionError [ERR_ASSERTION]: no',
      'Error: Timeout of 10000ms exceeded.',
      'SessionError: no',
    ]) {
      assert.deepEqual(judgeReport(report(2, stack)), { kind: 'failed', by: 'a title' });
    }
  });

  it('survives when all tests pass', () => {
    assert.deepEqual(judgeReport(report(3)), { kind: 'passed' });
  });

  it('shows nothing when the code cannot run, or no test ran', () => {
    for (const stack of ['TypeError: x is not a function', 'ReferenceError: y', 'SyntaxError: z']) {
      assert.equal(judgeReport(report(0, stack)).kind, 'broken');
    }
    assert.equal(judgeReport(report(0)).kind, 'broken');
  });
});
