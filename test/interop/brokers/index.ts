import { aedes } from './aedes';
import type { BrokerKind } from './broker';
import { ejabberd } from './ejabberd';
import { mosquitto, mosquittoUnlimited } from './mosquitto';
import { nats } from './nats';
import { rabbitmq } from './rabbitmq';

/** The columns of the matrix, each once for every version of MQTT. */
export const BROKERS: readonly BrokerKind[] = [mosquitto, mosquittoUnlimited, aedes, rabbitmq, nats, ejabberd];
