// npm run docs [-- --check]
//
// Writes docs/library.md from the docstrings of the main export. With --check nothing is written, and the exit code is 1
// when the page is not what the docstrings say.
import './lib/require-node.mjs';

void import('./lib/library-page.mjs').then(({ libraryPage }) => libraryPage(process.argv.slice(2)));
