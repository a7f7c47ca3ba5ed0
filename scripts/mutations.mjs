// npm run mutations -- --only TEXT --selection --at-once N --no-compile --list --json
//
// Deliberate bugs, one after the other: each must be caught.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) => runTypeScript('test/mutations/main.ts'));
