// npm test [-- --only unit,nodes]
//
// Installs what is missing, builds, lints, checks the types and runs the suites of lib/suites.mjs.
// The last line is `N passed, N failed, N skipped`. Exit codes: 0 all passed, 1 something failed, 2 could not start.
import './lib/require-node.mjs';

void import('./lib/test-run.mjs')
  .then(({ test }) => test(process.argv.slice(2)))
  .then((exitCode) => {
    process.exitCode = exitCode;
  });
