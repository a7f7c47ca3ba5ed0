// npm run simulate -- --seconds N --seed S --fresh --json
//
// The session core and the journal over a simulated disk, clock, network and broker.
import './lib/require-node.mjs';

void import('./lib/entry.mjs').then(({ runTypeScript }) => runTypeScript('test/simulation/main.ts'));
