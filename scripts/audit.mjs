// npm run audit: known weaknesses in what is published (runtime dependencies).
//
// Exit codes: 0 none known, 1 some, 2 the registry in use could not be asked.
import './lib/require-node.mjs';

void import('./lib/audit.mjs').then(({ audit }) => audit());
