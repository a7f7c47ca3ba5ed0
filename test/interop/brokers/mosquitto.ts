import { spawnSync } from 'node:child_process';
import { findMosquitto, Mosquitto, type MosquittoOptions } from '../../support/mosquitto';
import type { Broker, BrokerKind } from './broker';

class MosquittoBroker extends Mosquitto implements Broker {
  readonly credentials = undefined;
}

function kind(name: BrokerKind['name'], title: string, options: MosquittoOptions): BrokerKind {
  return {
    name,
    title,
    maximumQoS: 2,
    debianPackage: 'mosquitto',
    version: () =>
      /version (\S+)/.exec(spawnSync(findMosquitto() ?? 'mosquitto', ['-h']).stdout?.toString() ?? '')?.[1],
    make: () => new MosquittoBroker(options),
  };
}

export const mosquitto = kind('mosquitto', 'Mosquitto, its default limits', { defaultLimits: true });
export const mosquittoUnlimited = kind('mosquitto-unlimited', 'Mosquitto, no limits', {});
