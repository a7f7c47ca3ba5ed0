// npm run licences: whether every package that this one depends on, or is built and tested with, has a licence from a list.
//
// Exit codes: 0 all have, 1 some have not.
import './lib/require-node.mjs';

void import('./lib/licences.mjs').then(({ licences }) => licences());
