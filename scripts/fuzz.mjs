// npm run fuzz -- --seconds N --inputs N --seed S [--target X] [--input I] [--json]
//
// Mutated inputs for every parser.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) => runTypeScript('test/security/fuzz/main.ts'));
