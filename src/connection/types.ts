import type { ConnectionLimits, InboundPacket, OutboundPacket } from '../session/packets';
import type { TopicAliasWishes } from './topic-alias-wishes';

/** A will, birth or close message as CONNECT or a plain PUBLISH carries it. */
export interface WillMessage {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** MQTT 5: will delay, expiry, content type, response topic, correlation data, user properties. */
  properties?: Record<string, unknown>;
}

export interface ConnectionOptions {
  /** `mqtt://host:port`, `mqtts://`, `ws://host:port/path`, `wss://`. Credentials in it count if `username` is absent. */
  url: string;
  clientId: string;
  protocolVersion: 3 | 4 | 5;
  clean: boolean;
  /** Seconds; 0 switches keep-alive off. */
  keepalive: number;
  username?: string;
  password?: string | Buffer;
  will?: WillMessage;
  /** MQTT 5 CONNECT properties (session expiry, receive maximum, user properties, ...). */
  properties?: Record<string, unknown>;
  /**
   * Passed to the stream: TLS options (ca, cert, key, pfx, passphrase, servername, ALPNProtocols, rejectUnauthorized, ...),
   * `wsOptions` (headers, agent, ...), `createWebsocket`, `transformWsUrl`, `httpProxy` (URL of a proxy for WebSocket),
   * `socksProxy`. Certificates are verified unless `rejectUnauthorized` is false.
   */
  transport?: Record<string, unknown>;
  /** MQTT 5: topic aliases to use as far as the server allows; may grow while there is a connection. */
  topicAliases?: TopicAliasWishes;
  /** Milliseconds for TCP/TLS/WebSocket and CONNACK together. Default 30,000. */
  connectTimeoutMs?: number;
}

/** Why a connection (or an attempt) ended. */
export interface ConnectionEnd {
  kind:
    | 'closed' // by the peer or the network, after CONNACK
    | 'refused' // CONNACK with a reason code other than 0
    | 'unreachable' // no stream, TLS failure, or no CONNACK in time
    | 'ping-timeout' // half-open: the peer answers nothing
    | 'protocol-error' // the peer sent what MQTT forbids
    | 'server-disconnect' // MQTT 5 DISCONNECT from the broker
    | 'ended'; // we ended it
  /** CONNECT was sent and never answered: whether the broker has taken up, or begun, a session is not known. */
  unanswered?: boolean;
  /** CONNACK or DISCONNECT reason code where there was one (3.1.1 return code for 'refused'). */
  reasonCode?: number;
  reasonString?: string;
  /** MQTT 5 Server Reference, if the broker named another server. */
  serverReference?: string;
  /** With stable `code`; its message names the broker and says what to do where that is known. */
  error?: Error;
}

/** What a connection tells its owner. `down` comes exactly once, also for an attempt that never came up. */
export interface ConnectionEvents {
  /** CONNACK with reason code 0, before any packet behind it in the same chunk. */
  up(limits: ConnectionLimits, connack: ConnackDetails): void;
  /** All packets of one chunk, in order. Payloads are copies or views the owner may keep. */
  packets(packets: InboundPacket[]): void;
  /** The peer does not take what was written (true, from inside `flush`: above 1 MiB) or takes it again (below 256 KiB). */
  congested(congested: boolean): void;
  down(end: ConnectionEnd): void;
}

export interface ConnackDetails {
  /** MQTT 5: the broker overrides ours when present. Seconds. */
  sessionExpiryInterval?: number;
  assignedClientIdentifier?: string;
  serverKeepAlive?: number;
  reasonString?: string;
  properties?: Record<string, unknown>;
}

/** One connection attempt and, if it comes up, the connection. Never reused. */
export interface Connection {
  /**
   * Encodes the packet; it leaves with the next `flush`. Ignored before `up`, after `end` and after `down`
   * (MQTT-3.14.4-1 (5.0)). Payloads from 16 KiB on are not copied: they must not change until they are sent.
   * @throws SessionError `ERR_PACKET_INVALID` for what MQTT cannot express; nothing of the packet is sent then.
   */
  send(packet: OutboundPacket): void;
  /** Hands what was sent since the last flush to the stream in one write. */
  flush(): void;
  /** Bytes accepted by `send` and not yet by the operating system. */
  readonly bufferedBytes: number;
  /**
   * Writes DISCONNECT (unless `force`, before `up`, or for a protocol error before MQTT 5), closes the stream, and destroys it after at most 2 s. Then `down`,
   * never from inside this call, with `cause` if it is given. What is received meanwhile is not delivered.
   * `reasonCode`: MQTT 5 DISCONNECT reason, default 0. `sessionExpiryInterval` above 0 is left out when CONNECT had none.
   */
  end(options?: { force?: boolean; reasonCode?: number; sessionExpiryInterval?: number; cause?: ConnectionEnd }): void;
  /** Bytes of packets since the attempt began, below any TLS or WebSocket: taken by the stream, and received. */
  readonly bytes: { sent: number; received: number };
  /** PUBLISH packets since the attempt began: sent (`resent`: those of them with DUP), and received, repeats included. */
  readonly messages: { sent: number; resent: number; received: number };
}

/** Starts an attempt. Never throws: a wrong URL is a `down` like any other failure. */
export type Connect = (options: ConnectionOptions, events: ConnectionEvents) => Connection;
