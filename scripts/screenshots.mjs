// npm run screenshots [-- --folder docs/images --graph-seconds 10]
//
// `--graph-seconds`: how long a queue is watched before the picture of its graph is taken.
//
// Takes the pictures of README and docs from the demo in a real browser. Exit codes: 0 taken, 1 failed, 2 could not start.
import './lib/require-node.mjs';

void import('./lib/system-packages.mjs')
  .then(({ ensurePrograms }) => ensurePrograms(['chromium'], { ci: process.env.CI === 'true' }))
  .then(async (environment) => {
    if (environment === undefined) {
      process.exit(2);
    }
    Object.assign(process.env, environment);
    const { runTypeScript } = await import('./lib/entry.mjs');
    // The demo builds the package when it has changed.
    await runTypeScript('test/browser/screenshots.ts');
  });
