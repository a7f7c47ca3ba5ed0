// Mocha's spec reporter, or only the failures with the option `quiet`; besides, each result is a line in the file
// named by the option `results`, written at once, so that the counts of a run that crashes are not lost.
const fs = require('node:fs');
const { reporters, Runner } = require('mocha');

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Runner.constants;

/** A process that is still there this long after its last test has something open that a test did not close. */
const lingerMs = 10_000;

module.exports = function CountingReporter(runner, options) {
  const { results, quiet } = options.reporterOptions;
  const note = (kind, title = '') => fs.appendFileSync(results, `${kind} ${title.replaceAll('\n', ' ')}\n`);
  runner.on(EVENT_TEST_PASS, (test) => note('passed', test.fullTitle()));
  runner.on(EVENT_TEST_FAIL, (test, error) => note('failed', `${test.fullTitle()}: ${error.message}`));
  runner.on(EVENT_TEST_PENDING, (test) => note('skipped', test.fullTitle()));
  runner.on(EVENT_RUN_END, () => {
    note('end');
    setTimeout(() => {
      const open = process.getActiveResourcesInfo().join(', ');
      note('open', open);
      process.exit();
    }, lingerMs).unref();
  });
  const visible = quiet === 'true' ? new reporters.Base(runner, options) : new reporters.Spec(runner, options);
  if (quiet === 'true') {
    runner.once(EVENT_RUN_END, () => visible.stats.failures > 0 && visible.epilogue());
  }
};
