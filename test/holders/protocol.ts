// What the tests and the processes that want one session say to each other, by IPC.

export interface HolderOptions {
  storePath: string;
  /** Where `publish` goes to once connected. Default: nowhere. */
  url?: string;
}

export type Command =
  /**
   * Contend for the session, mark it with `round`, give it back. `persistent`: until it has it; otherwise it gives up
   * when the other one has it.
   */
  | { command: 'race'; clientId: string; round: number; persistent: boolean }
  /** Open the session as an application does, connect, and publish numbered messages without end. */
  | { command: 'publish'; clientId: string; topic: string; first: number };

/** Times are nanoseconds of the machine's monotonic clock, which all processes share. */
export type Told =
  | { told: 'ready'; pidNamespace: string; host: string }
  /** The session is open: from here on this process may report messages done. */
  | { told: 'held'; round: number; at: string; epoch: number; found: number }
  /** The mark was reported stored. */
  | { told: 'marked'; round: number }
  /** Given back; it held the session until `at`. */
  | { told: 'released'; round: number; at: string; refusals: number }
  /** The other one had it. */
  | { told: 'gaveUp'; round: number }
  /** It is open for `publish`. */
  | { told: 'open' }
  /** A number was reported stored. */
  | { told: 'stored'; number: number }
  /** `storeError` of the client, or a publish that was refused. */
  | { told: 'refused'; code: string; text: string }
  | { told: 'failed'; text: string };
