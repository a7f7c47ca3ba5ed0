/** One side of a comparison: something that publishes and hears of the acknowledgement. Runs in a process of its own. */
export interface Contender {
  connect(brokerUrl: string): Promise<void>;
  /** `acknowledged` is called at PUBACK (QoS 1) or PUBCOMP (QoS 2). */
  publish(topic: string, payload: Buffer, qos: 1 | 2, acknowledged: (error?: Error) => void): void;
  close(): Promise<void>;
}

/** What the parent asks of a contender's process. */
export type Request =
  | { type: 'connect'; brokerUrl: string }
  | { type: 'round'; messages: number; outstanding: number; payloadBytes: number; qos: 1 | 2 }
  | { type: 'close' };

/** Milliseconds of the wall clock from the first publish to the last acknowledgement; microseconds of user + system CPU. */
export interface RoundResult {
  milliseconds: number;
  cpuMicroseconds: number;
}

export type Answer = { type: 'done'; result?: RoundResult } | { type: 'failed'; error: string };
