// What the test and the library process say to each other, by IPC.

import type { ClientStatistics } from '../../../src/client/statistics';

/** One client of the process. */
export interface LibraryClient {
  clientId: string;
  protocolVersion: 4 | 5;
  /** Seconds. Default 60. */
  keepalive?: number;
  /** Default false. */
  clean?: boolean;
  /**
   * Topic filters, each subscribed with its QoS. With `acknowledge: 'manual'` messages are worked on for a while, several
   * at a time, then written down, then acknowledged.
   */
  subscriptions?: { filter: string; qos: 0 | 1 | 2; acknowledge?: 'manual' }[];
  maxInflight?: number;
  maxReconnectDelayMs?: number;
  /** False: it stays offline until told to connect. Default true. */
  connect?: boolean;
}

/** Messages published without end from the start on: numbers from `first`, `perSecond` of them. */
export interface TrafficStream {
  clientId: string;
  topic: string;
  qos: 0 | 1 | 2;
  perSecond: number;
  first: number;
}

export interface LibraryProcessOptions {
  storePath: string;
  url: string;
  clients: LibraryClient[];
  durability?: 'always' | 'interval' | 'os';
  traffic?: TrafficStream[];
  /** Gets one line for each message that was reported stored; see `harness/ledger.ts` of the crash tests. */
  doneFile: string;
  /** When this file appears it is taken away, and the next message of each stream has as many bytes as it says. */
  largeFile?: string;
  /** Gets one line for each message that was given to the library, whatever became of it. */
  handedFile?: string;
  /** Gets one line for each message that was handed over. */
  receivedFile: string;
  /** Which run of the process this is; goes into the lines. */
  generation: number;
}

/** A run of messages with the numbers from `first` on; payload `{"stream":topic,"seq":number}`, filled up to `bytes`. */
export interface PublishRun {
  clientId: string;
  topic: string;
  qos: 0 | 1 | 2;
  first: number;
  count: number;
  bytes?: number;
}

export interface ProcessMemory {
  rss: number;
  heapUsed: number;
  external: number;
  arrayBuffers: number;
}

export interface Calls {
  /** Answers when all are stored. */
  publish: { arguments: PublishRun; answer: undefined };
  subscribe: { arguments: { clientId: string; filter: string; qos: 0 | 1 | 2 }; answer: undefined };
  connect: { arguments: { clientId: string }; answer: undefined };
  disconnect: { arguments: { clientId: string }; answer: undefined };
  statistics: { arguments: { clientId: string }; answer: ClientStatistics };
  memory: { arguments: undefined; answer: ProcessMemory };
  stopTraffic: { arguments: undefined; answer: { published: number } };
  /** Closes all clients and the store in order; the process ends by itself. */
  close: { arguments: undefined; answer: undefined };
}

export type Call = keyof Calls;

export interface Request {
  id: number;
  call: Call;
  arguments: unknown;
}

/** Something that happened in the process. `open`: all its sessions are. */
export type ProcessEvent =
  | { event: 'open' }
  | { event: 'connected'; clientId: string; sessionPresent: boolean | undefined }
  | { event: 'disconnected'; clientId: string; kind: string; wasUp: boolean; reason: string }
  | { event: 'notice'; clientId: string; level: string; text: string }
  | { event: 'report'; clientId: string; report: string }
  | { event: 'error'; clientId: string; text: string };

export type FromProcess = ProcessEvent | { id: number; answer: unknown } | { id: number; failure: string };
