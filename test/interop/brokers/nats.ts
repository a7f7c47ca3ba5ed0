import * as fs from 'node:fs';
import * as path from 'node:path';
import { freePort } from '../../support/ports';
import type { BrokerKind } from './broker';
import { BrokerProcess, type Start } from './broker-process';
import { debianVersion } from './debian';

/** MQTT over JetStream: sessions and messages are in its streams, on disk. */
async function configure(directory: string, port: number): Promise<Start> {
  const file = path.join(directory, 'nats.conf');
  fs.writeFileSync(
    file,
    [
      'server_name: interoperability',
      `listen: 127.0.0.1:${await freePort()}`,
      `jetstream { store_dir: "${path.join(directory, 'jetstream')}" }`,
      `mqtt { listen: 127.0.0.1:${port} }`,
      '',
    ].join('\n'),
  );
  return { program: process.env.NATS_SERVER ?? '/usr/sbin/nats-server', args: ['-c', file] };
}

export const nats: BrokerKind = {
  name: 'nats',
  title: 'NATS with JetStream',
  maximumQoS: 1,
  debianPackage: 'nats-server',
  version: () => debianVersion('nats-server'),
  make: () => new BrokerProcess('nats', configure),
};
