import { readFileSync } from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import type { Aedes } from 'aedes';
import { freePort } from '../../support/ports';
import type { Broker, BrokerKind } from './broker';

const MANIFEST = path.join(__dirname, '..', '..', '..', 'node_modules', 'aedes', 'package.json');

/** In this process, and with its default persistence: in memory, so that a restart forgets all. */
class AedesBroker implements Broker {
  readonly credentials = undefined;
  readonly log = '';
  port = 0;
  #aedes: Aedes | undefined;
  #server: net.Server | undefined;

  async start(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    const { Aedes } = await import('aedes');
    const aedes = await Aedes.createBroker();
    const server = net.createServer(aedes.handle);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.#aedes = aedes;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const aedes = this.#aedes;
    const server = this.#server;
    this.#aedes = undefined;
    this.#server = undefined;
    if (aedes === undefined) return;
    const closed = new Promise((resolve) => server?.close(resolve));
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    await closed;
  }

  async remove(): Promise<void> {
    await this.stop();
  }
}

export const aedes: BrokerKind = {
  name: 'aedes',
  title: 'aedes, in memory',
  maximumQoS: 2,
  version: () => (JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }).version,
  make: () => new AedesBroker(),
};
