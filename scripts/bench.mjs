// npm run bench -- <benchmark ...> [--quick] [--json] [--record] [--charts <folder>]
//
// --quick: all of them in less than a minute. --json: a JSON line for each. --record: puts results, tables and charts into
// docs/performance.md and beside it. --charts: draws the charts of this run only. Missed targets are printed, and no error.
//
// The packages it is compared with are dependencies of bench/package.json.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) =>
  runTypeScript('bench/main.ts', { folders: ['bench'], built: true }),
);
