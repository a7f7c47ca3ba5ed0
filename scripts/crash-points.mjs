// npm run crash-points -- --deep --json
//
// Every state that a crash may leave on the disk, opened.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) => runTypeScript('test/crash-points/main.ts'));
