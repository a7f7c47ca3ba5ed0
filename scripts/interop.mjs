// npm run interop -- --brokers mosquitto,rabbitmq --scenarios will,adoption
//
// The library against real brokers: a release step, on Debian and Ubuntu. As root it installs the brokers that are
// missing (their services are not started), otherwise it says which. Exit codes: 0 every difference is known, 1 one is
// not, 2 could not start.
import './lib/require-node.mjs';

const programs = ['mosquitto', 'nats-server', 'rabbitmq-server', 'ejabberd'];

void import('./lib/system-packages.mjs')
  .then(({ ensurePrograms }) => ensurePrograms(programs, { ci: process.env.CI === 'true' }))
  .then(async (environment) => {
    if (environment === undefined) {
      process.exit(2);
    }
    Object.assign(process.env, environment);
    const { runTypeScript } = await import('./lib/entry.mjs');
    await runTypeScript('test/interop/main.ts');
  });
