import type { QoS } from '../../src/session/message';

/** What is known of one message of a workload at one moment. */
export interface Fate {
  readonly number: number;
  /** Order in which the messages were published; those of a v1 file come first. */
  readonly order: number;
  qos: QoS;
  /** Reported stored. */
  stored: boolean;
  failed: boolean;
  /** PUBLISH with this identifier has left. */
  sentAs: number | undefined;
  /** PUBREL has left. */
  released: boolean;
  /** The broker's last acknowledgement has been given to the client. */
  acknowledged: boolean;
  /** It may be given up. */
  mayDie: boolean;
  /** Reported as given up, and kept. */
  dead: boolean;
  /** Its removal has been asked for. */
  removable: boolean;
  /** Its removal has been reported. */
  removed: boolean;
  /** It is being moved from one session to another, and may be in both. */
  moving: boolean;
}

/** What the session promised as a whole at one moment. */
export interface Promised {
  fates: ReadonlyMap<number, Fate>;
  /** Inbound identifiers for which PUBREC has left and PUBREL has not come. */
  received: ReadonlySet<number>;
  /** Inbound identifiers for which PUBCOMP has left. */
  completed: ReadonlySet<number>;
  /** SUBSCRIBE has left. */
  filters: ReadonlySet<string>;
  /** Further facts by name: `deleted plant`. */
  facts: ReadonlyMap<string, string>;
  /** The broker knows the session. */
  connected: boolean;
}

type Change = (promised: {
  fates: Map<number, Fate>;
  received: Set<number>;
  completed: Set<number>;
  filters: Set<string>;
  facts: Map<string, string>;
  connected: boolean;
}) => void;

/** What was asked for, seen and reported in a workload, each at its place in the disk's log. */
export class Ledger {
  readonly #events: { at: number; change: Change }[] = [];
  #order = 0;
  #present: Promised;

  constructor(private readonly now: () => number) {
    this.#present = this.asOf(0);
  }

  /** As of now. */
  get present(): Promised {
    return this.#present;
  }

  /** How many events there are up to a place in the log. */
  version(at: number): number {
    return this.#events.filter((event) => event.at <= at).length;
  }

  /** What is known when the log has come to `at`. */
  asOf(at: number): Promised {
    const promised = {
      fates: new Map<number, Fate>(),
      received: new Set<number>(),
      completed: new Set<number>(),
      filters: new Set<string>(),
      facts: new Map<string, string>(),
      connected: false,
    };
    for (const event of this.#events) if (event.at <= at) event.change(promised);
    return promised;
  }

  published(number: number, qos: QoS): void {
    const order = this.#order++;
    this.#note(({ fates }) =>
      fates.set(number, {
        number,
        order,
        qos,
        stored: false,
        failed: false,
        sentAs: undefined,
        released: false,
        acknowledged: false,
        mayDie: false,
        dead: false,
        removable: false,
        removed: false,
        moving: false,
      }),
    );
  }

  message(number: number, facts: Partial<Fate>): void {
    this.#note(({ fates }) => {
      // What a crash left is judged by the ledger of before.
      const fate = fates.get(number);
      if (fate !== undefined) Object.assign(fate, facts);
    });
  }

  /** PUBLISH has come (`arrived`), PUBREC has left (`held`), PUBREL has come (`releasing`), PUBCOMP has left (`completed`). */
  inbound(identifier: number, phase: 'arrived' | 'held' | 'releasing' | 'completed'): void {
    this.#note(({ received, completed }) => {
      if (phase === 'arrived') {
        completed.delete(identifier);
        return;
      }
      if (phase === 'held') received.add(identifier);
      else received.delete(identifier);
      if (phase === 'completed') completed.add(identifier);
      else completed.delete(identifier);
    });
  }

  subscribed(filter: string): void {
    this.#note(({ filters }) => filters.add(filter));
  }

  connected(): void {
    this.#note((promised) => {
      promised.connected = true;
    });
  }

  fact(name: string, value = 'true'): void {
    this.#note(({ facts }) => facts.set(name, value));
  }

  #note(change: Change): void {
    const at = this.now();
    this.#events.push({ at, change });
    this.#present = this.asOf(at);
  }
}
