import type { Durability } from '../../src/store/journal/journal';
import type { Fates } from './fates';
import type { Fault } from './faults';
import type { Random } from './random';

/** What a program and its session are set up with. */
export interface Settings {
  protocolVersion: 3 | 4 | 5;
  clean: boolean;
  durability: Durability;
  segmentBytes: number;
  maxInflight: number;
  maxBytes: number;
  whenFull: 'reject' | 'dropOldest';
  onSessionLost: 'republish' | 'discard';
  maxSendRate: number;
}

/** What the brokers are like. */
export interface BrokerCharacter {
  /** MQTT 5 Receive Maximum. */
  receiveMaximum: number;
  /** 3.1.1: a client with more open QoS 2 messages than this is dropped. 0: never. */
  openQoS2Max: number;
  /** A QoS 2 message goes on to subscribers at PUBREL, or already at PUBLISH (figure 4.3 of both versions). */
  onward: 'publish' | 'pubrel';
  answerDelayMsMax: number;
  /** MQTT 5. `undefined`: no limit. */
  maximumPacketSize: number | undefined;
  retainAvailable: boolean;
  /** MQTT 5. */
  topicAliasMaximum: number;
  /** It has stored a QoS 2 message before that makes it end the connection. */
  holdsPoison: boolean;
  /** It ends the connection at a PUBREL for an identifier that it does not know. */
  refusesClearing: boolean;
  /** Share of subscriptions that it refuses while there is trouble. */
  refusedSubscriptions: number;
  /** Messages to the client at once. */
  window: number;
}

/** What an episode is like; drawn from its seed. */
export interface Character {
  settings: Settings;
  fates: Fates;
  broker: BrokerCharacter;
  troubledMs: number;
  /** Mean pause between two publishes of the application, and of the broker's other clients. 0: none. */
  publishPauseMs: number;
  inboundPauseMs: number;
  /** Messages at once. */
  burst: number;
  bytesMax: number;
  /** Mean pause between two faults. 0: none. */
  faultPauseMs: number;
  /** Each as often as it is named. */
  faults: readonly Fault[];
  latencyMsMax: number;
  diskLatencyMsMax: number;
  /** After a crash or a close. */
  restartMsMax: number;
  /** The session moves between two brokers. */
  moves: boolean;
}

export const UNLIMITED_BYTES = 1024 * 1024 * 1024;

/** A character without faults, limits and refusals, as far as `random` does not choose among what is always possible. */
export function plainCharacter(random: Random): Character {
  const protocolVersion = random.pick([4, 4, 5, 5, 3] as const);
  return {
    settings: {
      protocolVersion,
      clean: false,
      durability: 'always',
      segmentBytes: random.pick([4_096, 16_384, 65_536]),
      maxInflight: random.pick([1, 3, 20, 100]),
      maxBytes: UNLIMITED_BYTES,
      whenFull: 'reject',
      onSessionLost: 'republish',
      maxSendRate: 0,
    },
    fates: { refusals: 0, expiring: 0, retained: 0, maximumPacketSize: 0 },
    broker: {
      receiveMaximum: random.pick([1, 3, 20, 65_535]),
      openQoS2Max: 0,
      onward: random.pick(['publish', 'pubrel']),
      answerDelayMsMax: random.pick([0, 5, 50, 400]),
      maximumPacketSize: undefined,
      retainAvailable: true,
      topicAliasMaximum: random.pick([0, 1, 5]),
      holdsPoison: false,
      refusesClearing: false,
      refusedSubscriptions: 0,
      window: random.pick([1, 5, 20]),
    },
    troubledMs: random.between(5_000, 20_000),
    publishPauseMs: random.pick([100, 300]),
    inboundPauseMs: random.pick([200, 500]),
    burst: random.pick([1, 3]),
    bytesMax: random.pick([20, 500]),
    faultPauseMs: random.pick([300, 1_000]),
    faults: [],
    latencyMsMax: 20,
    diskLatencyMsMax: random.pick([0, 1, 20]),
    restartMsMax: 1_000,
    moves: false,
  };
}
