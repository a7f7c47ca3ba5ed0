// npm run compare -- [--subject NAME ...] [--runs N] [--seed S] [--rounds R] [--json]
//
// This package, Node-RED's own MQTT nodes and the queue packages in front of them, under the same kills and outages; see
// test/crash/compare/main.ts. The queue packages are dependencies of test/crash/compare/package.json.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) =>
  runTypeScript('test/crash/compare/main.ts', { folders: ['test/crash/compare'], built: true }),
);
