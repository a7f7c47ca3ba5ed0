import type { BrokerName } from './brokers/broker';

/** What a broker did that the scenario did not expect of it. */
export type DeviationName =
  /** It does not take connections of this version of MQTT. */
  | 'version-refused'
  /** It grants or delivers with a lower QoS than asked for. */
  | 'qos-lowered'
  /** Messages that were to arrive did not. */
  | 'missing'
  /** Messages arrived only after a long time. */
  | 'delayed'
  /** Messages arrived again where they were to arrive once, and the client can do nothing about it. */
  | 'repeated'
  /** Messages arrived behind later ones of the same topic and QoS. */
  | 'out-of-order'
  /** It had forgotten a session that it was to keep (Session Present 0). */
  | 'session-forgotten'
  /** It had kept a session that was to have ended. */
  | 'session-kept'
  /** It refused a subscription, or granted it and delivered nothing. */
  | 'subscription-refused'
  /** It ended the connection. */
  | 'connection-closed'
  /** It delivered something else than was published: another topic, retain flag or properties. */
  | 'changed'
  /** The client gave messages up (dead letters), or reported an error. */
  | 'given-up'
  /** The client handed a message over twice that the broker sent once. Never to be explained. */
  | 'doubled'
  /** The client broke a rule of MQTT. Never to be explained. */
  | 'rule-broken'
  /** The scenario itself failed. Never to be explained. */
  | 'failed';

/** One deviation, as seen. */
export interface Deviation {
  name: DeviationName;
  detail: string;
}

/** Why a broker deviates: one row of the table in known-deviations.ts. */
export interface KnownDeviation {
  broker: BrokerName | readonly BrokerName[];
  /** Versions of MQTT; default both. */
  version?: 4 | 5;
  /** Names of scenarios. */
  scenarios: readonly string[];
  names: readonly DeviationName[];
  /** What the broker does. */
  does: string;
  /** What follows for a user of this package. */
  follows: string;
  /** Where the broker's documentation or code says so, if it does. */
  source?: string;
  /** It depends on timing, and does not show in every run. */
  sometimes?: true;
}
