import { ServerLimits } from './limits';

/** A message of the client whose identifier is in use. */
export interface OutgoingMessage {
  identifier: number;
  qos: 1 | 2;
  /** Undefined: the PUBLISH was never seen. */
  digest: string | undefined;
  topic: string;
  retain: boolean;
  /** On the wire; undefined if unknown. */
  bytes: number | undefined;
  /** Position of the first send among all messages of the client. */
  order: number;
  /** received: PUBREC went out to the client. released: the client sent PUBREL. */
  state: 'published' | 'received' | 'released';
  /** Connection of the last PUBLISH. */
  publishedOn: number;
  /** Connection of the last PUBLISH or PUBREL. */
  sentOn: number;
  /** Connection of the last PUBREC, and its position among all of them. */
  receivedOn: number;
  receivedOrder: number;
  /** The broker lost the session: it may come as it stands (if the client never learnt that) or as a new message. */
  sessionLost: boolean;
}

/** What dies with a connection. */
export interface OutgoingConnection {
  number: number;
  sessionPresent: boolean;
  limits: ServerLimits;
  /** Until the first message that is certainly new. */
  resending: boolean;
  lastPublishResent: number;
  lastPubrelResent: number;
  /** PUBREC went out, PUBREL is due, in this order. */
  pubrelsDue: number[];
  /** PUBREC that asks for a PUBREL although none is due. */
  pubrelsExtra: Set<number>;
  window: Set<number>;
  requests: Set<number>;
}

export function newConnection(number: number): OutgoingConnection {
  return {
    number,
    sessionPresent: false,
    limits: new ServerLimits(undefined),
    resending: false,
    lastPublishResent: -1,
    lastPubrelResent: -1,
    pubrelsDue: [],
    pubrelsExtra: new Set(),
    window: new Set(),
    requests: new Set(),
  };
}

/** A message that only its PUBREL tells of. */
export function unseen(identifier: number): OutgoingMessage {
  return {
    identifier,
    qos: 2,
    digest: undefined,
    topic: '',
    retain: false,
    bytes: undefined,
    order: -1,
    state: 'released',
    publishedOn: -1,
    sentOn: -1,
    receivedOn: -1,
    receivedOrder: -1,
    sessionLost: false,
  };
}
