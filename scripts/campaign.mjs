// npm run campaign -- --kills N [--subject library|node-red|core] [--seed S] [--jobs J] [--json]
//
// A real process is killed again and again, with faults of network, broker and disk; see test/crash/main.ts.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) => runTypeScript('test/crash/main.ts', { built: true }));
