/** A broker that the harness starts: on a free port of 127.0.0.1, with a configuration and data of its own. */
export interface Broker {
  readonly port: number;
  /** Undefined: anybody may connect. */
  readonly credentials: { username: string; password: string } | undefined;
  /** Its newest output. */
  readonly log: string;
  /** Starts it and waits until it answers CONNECT. Again after `stop`: on the same port, with the same data. */
  start(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it for good and removes its data. */
  remove(): Promise<void>;
}

/** Names of the columns; the table of deviations speaks of them. */
export type BrokerName = 'mosquitto' | 'mosquitto-unlimited' | 'aedes' | 'rabbitmq' | 'nats' | 'ejabberd';

export interface BrokerKind {
  name: BrokerName;
  /** What it is and how it is set up, for the heading of a column. */
  title: string;
  /** The highest QoS that it grants, whatever is asked for. */
  maximumQoS: 1 | 2;
  /** The Debian package it comes from; undefined: of npm. */
  debianPackage?: string;
  /** Version, or undefined when it cannot be told. */
  version(): string | undefined;
  make(): Broker;
}
