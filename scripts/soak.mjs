// npm run soak -- --minutes N --seed S --rate 1000
//
// Messages in both directions, broken networks and broker restarts, and no leak. Prints a line of JSON.
// Exit codes: 0 held, 1 not held, 2 could not start.
import './lib/require-node.mjs';

void import('./lib/system-packages.mjs')
  .then(({ ensurePrograms }) => ensurePrograms(['mosquitto'], { ci: process.env.CI === 'true' }))
  .then(async (environment) => {
    if (environment === undefined) {
      process.exit(2);
    }
    Object.assign(process.env, environment);
    const { runTypeScript } = await import('./lib/entry.mjs');
    await runTypeScript('test/soak/main.ts');
  });
