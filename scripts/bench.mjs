// npm run bench -- <benchmark> [--quick] [--json]
//
// The packages it is compared with are dependencies of bench/package.json.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) =>
  runTypeScript('bench/main.ts', { folders: ['bench'], built: true }),
);
