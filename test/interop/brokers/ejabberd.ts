import * as fs from 'node:fs';
import * as path from 'node:path';
import type { BrokerKind } from './broker';
import { BrokerProcess, type Start } from './broker-process';
import { debianVersion } from './debian';

const CONTROL = process.env.EJABBERDCTL ?? '/usr/sbin/ejabberdctl';
/** It wants a user of a host that it serves; with anonymous users any password is right. */
const CREDENTIALS = { username: 'guest@localhost', password: 'guest' };

/**
 * Started without `ejabberdctl`, which changes to the user of the service, and without a node name, so that it needs no
 * port mapper.
 */
async function configure(directory: string, port: number): Promise<Start> {
  const file = path.join(directory, 'ejabberd.yml');
  fs.writeFileSync(
    file,
    [
      'hosts: [localhost]',
      'loglevel: warning',
      'auth_method: anonymous',
      'anonymous_protocol: both',
      'allow_multiple_connections: true',
      'listen:',
      `  - { port: ${port}, ip: "127.0.0.1", module: mod_mqtt }`,
      'modules:',
      '  mod_mqtt: {}',
      '',
    ].join('\n'),
  );
  const libraries = /^ERL_LIBS='(.+)'/m.exec(fs.readFileSync(CONTROL, 'utf8'))?.[1];
  if (libraries === undefined) throw new Error(`${CONTROL} does not say where ejabberd's libraries are`);
  return {
    program: 'erl',
    args: ['-noinput', '-mnesia', 'dir', `"${path.join(directory, 'database')}"`, '-s', 'ejabberd'],
    env: {
      ERL_LIBS: libraries,
      EJABBERD_CONFIG_PATH: file,
      EJABBERD_LOG_PATH: path.join(directory, 'ejabberd.log'),
    },
  };
}

export const ejabberd: BrokerKind = {
  name: 'ejabberd',
  title: 'ejabberd with mod_mqtt',
  maximumQoS: 2,
  debianPackage: 'ejabberd',
  version: () => debianVersion('ejabberd'),
  make: () => new BrokerProcess('ejabberd', configure, CREDENTIALS),
};
