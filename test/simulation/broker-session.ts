import type { QoS } from '../../src/session/message';
import type { PublishPacket } from '../../src/session/packets';

/** A message on its way from the broker to the client. */
export interface OutgoingMessage {
  number: number;
  topic: string;
  qos: QoS;
}

export interface InFlight extends OutgoingMessage {
  phase: 'published' | 'released';
}

/** What a broker keeps for a client id. */
export interface BrokerSession {
  /** Names the session among all that this broker ever had. */
  name: string;
  /**
   * Nothing has come from the client that knows of this session. Until then it is reported as new: a CONNACK that says so
   * and is lost cannot be made up for by any client.
   */
  fresh: boolean;
  subscriptions: Map<string, QoS>;
  /** QoS 2 identifiers between PUBLISH and PUBREL: the message, and the name of the session when it came. */
  held: Map<number, { number: number; session: string }>;
  /** Identifiers whose PUBREL came, with the stay of the client: it may come again. */
  completed: Set<string>;
  queue: OutgoingMessage[];
  inflight: Map<number, InFlight>;
  nextIdentifier: number;
}

export function newBrokerSession(name: string): BrokerSession {
  return {
    name,
    fresh: true,
    subscriptions: new Map(),
    held: new Map(),
    completed: new Set(),
    queue: [],
    inflight: new Map(),
    nextIdentifier: 1,
  };
}

export function publishPacket(message: OutgoingMessage, identifier: number | undefined, dup: boolean): PublishPacket {
  return {
    cmd: 'publish',
    topic: message.topic,
    payload: Buffer.from(`${message.number} `),
    qos: message.qos,
    retain: false,
    dup,
    ...(identifier === undefined ? {} : { messageId: identifier }),
  };
}
