/** One side of a comparison: something that publishes and hears of the acknowledgement. Runs in a process of its own. */
export interface Contender {
  connect(brokerUrl: string): Promise<void>;
  /** `acknowledged` is called at PUBACK (QoS 1) or PUBCOMP (QoS 2). */
  publish(topic: string, payload: Buffer, qos: 1 | 2, acknowledged: (error?: Error) => void): void;
  /** Takes a backlog that stays until `drain`: stored while not connected, or published and not acknowledged. */
  backlog?(messages: number, payload: Buffer, qos: 1 | 2): Promise<void>;
  /** Connects again and resolves when the whole backlog is acknowledged; `connected` is called at CONNACK. */
  drain?(connected: () => void): Promise<void>;
  /** Subscribes with a session that the broker keeps. */
  subscribe?(topic: string, qos: 1 | 2): Promise<void>;
  /** Ends the connection; the session stays. */
  leave?(): Promise<void>;
  /** Connects again and resolves when `messages` have been handed to the flow, or a callback. */
  receive?(messages: number): Promise<void>;
  /** Opens what a killed process left, drains it, and answers with figures. */
  open?(brokerUrl: string): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** What the parent asks of a contender's process. */
export type Request =
  | { type: 'connect'; brokerUrl: string }
  | { type: 'round'; messages: number; outstanding: number; payloadBytes: number; qos: 1 | 2; topic?: string }
  | { type: 'backlog'; messages: number; payloadBytes: number; qos: 1 | 2 }
  | { type: 'drain' }
  | { type: 'subscribe'; topic: string; qos: 1 | 2 }
  | { type: 'leave' }
  | { type: 'receive'; messages: number }
  | { type: 'open'; brokerUrl: string }
  /** For a producer without a broker. */
  | { type: 'produce'; seconds: number; payloadBytes: number }
  /** For storages: so many records, synced in groups of `group`. */
  | { type: 'append'; records: number; group: number; bodyBytes: number }
  | { type: 'close' };

/** Milliseconds of the wall clock from the first publish to the last acknowledgement; microseconds of user + system CPU. */
export interface RoundResult {
  milliseconds: number;
  cpuMicroseconds: number;
  figures?: Record<string, number>;
}

export type Answer = { type: 'done'; result?: RoundResult } | { type: 'failed'; error: string };
