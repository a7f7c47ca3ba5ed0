import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { freePort } from '../../support/ports';
import type { BrokerKind } from './broker';
import { BrokerProcess, type Start } from './broker-process';
import { debianVersion } from './debian';

/** The start script itself: the one in the PATH of Debian changes to the user of the service. */
const PROGRAM = process.env.RABBITMQ_SERVER ?? '/usr/lib/rabbitmq/bin/rabbitmq-server';

/** With a port mapper of its own: Erlang would start one for all of the machine, and leave it behind. */
class RabbitMq extends BrokerProcess {
  #portMapper: ChildProcess | undefined;

  constructor() {
    super('rabbitmq', (directory, port) => this.#configure(directory, port));
  }

  override async remove(): Promise<void> {
    try {
      await super.remove();
    } finally {
      this.#portMapper?.kill();
    }
  }

  async #configure(directory: string, port: number): Promise<Start> {
    const [amqpPort, distributionPort, mapperPort] = [await freePort(), await freePort(), await freePort()];
    const file = (name: string) => path.join(directory, name);
    const mapper = { ERL_EPMD_PORT: String(mapperPort), ERL_EPMD_ADDRESS: '127.0.0.1' };
    this.#portMapper = spawn('epmd', ['-port', String(mapperPort)], {
      stdio: 'ignore',
      env: { ...process.env, ...mapper },
    });
    process.once('exit', () => this.#portMapper?.kill());
    fs.writeFileSync(file('enabled_plugins'), '[rabbitmq_mqtt].\n');
    fs.writeFileSync(
      file('rabbitmq.conf'),
      `listeners.tcp.1 = 127.0.0.1:${amqpPort}\nmqtt.listeners.tcp.1 = 127.0.0.1:${port}\n`,
    );
    return {
      program: PROGRAM,
      args: [],
      env: {
        ...mapper,
        // Without it a shell stays in front of the broker.
        RUNNING_UNDER_SYSTEMD: 'true',
        RABBITMQ_NODENAME: `interoperability-${port}@localhost`,
        RABBITMQ_MNESIA_BASE: file('mnesia'),
        RABBITMQ_LOG_BASE: file('log'),
        RABBITMQ_CONFIG_FILE: file('rabbitmq.conf'),
        RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins'),
        RABBITMQ_PID_FILE: file('pid'),
        RABBITMQ_DIST_PORT: String(distributionPort),
      },
    };
  }
}

export const rabbitmq: BrokerKind = {
  name: 'rabbitmq',
  title: 'RabbitMQ with its MQTT plugin',
  maximumQoS: 1,
  debianPackage: 'rabbitmq-server',
  version: () => debianVersion('rabbitmq-server'),
  make: () => new RabbitMq(),
};
