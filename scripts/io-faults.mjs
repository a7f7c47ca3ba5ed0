// npm run io-faults -- --deep --json
//
// Every call to the disk, failing.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) => runTypeScript('test/io-faults/main.ts'));
