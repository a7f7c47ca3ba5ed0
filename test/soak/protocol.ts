// What the soak test and the process under test say to each other, by IPC.

export interface SoakProcessOptions {
  storePath: string;
  url: string;
  /** Messages a second on each outbound stream. */
  perSecond: number;
}

/** What the process uses, after a collection of garbage. Undefined where the platform cannot tell. */
export interface Usage {
  heapBytes: number;
  /** Buffers and other memory outside the heap that JavaScript objects hold. */
  externalBytes: number;
  rssBytes: number;
  fileDescriptors: number | undefined;
  /** Timers, sockets, files and requests that keep the event loop alive. */
  activeResources: number;
  sessionFiles: number;
  sessionBytes: number;
}

export interface Sample {
  usage: Usage;
  /** By topic: messages published, and of these reported stored. */
  published: Record<string, number>;
  stored: Record<string, number>;
  /** Waiting in the sessions' queues or in flight. */
  backlog: number;
  connected: boolean;
  /** By topic: the number up to which all have been handed over, those missing below the highest, and late ones. */
  received: Record<string, { through: number; late: number }>;
  repeatedQoS1: number;
  /** Handed over again at QoS 2 since the last sample: `<topic> <number>`. */
  repeatedQoS2: string[];
  errors: string[];
  connections: number;
}

export type Command = 'sample' | 'stopTraffic' | 'close';
