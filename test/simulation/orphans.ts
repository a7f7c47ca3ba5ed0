import type { SessionClient } from '../../src/client/session-client';
import { SessionClient as Client } from '../../src/client/session-client';
import { errorCode } from '../../src/errors';
import type { Scheduler } from '../../src/store/scheduler';
import type { SessionStore } from '../../src/store/session-store';
import { adoptSession } from '../../src/transfer/adopt';
import { firstNumberOf, numberedPayload } from './message-number';
import type { Random } from './random';
import type { Stage } from './stage';

const CLIENT_ID = 'left behind';

/** What a living process lends: all of it ends with the process. */
export interface OrphanHost {
  store: SessionStore;
  client: SessionClient;
  scheduler: Scheduler;
  isAlive: () => boolean;
}

/**
 * A second session in the store that no broker is for: it gets messages now and then, and the simulated session adopts
 * it, whatever happens in between. What was stored in it is owed as soon as it is adopted.
 */
export class Orphans {
  /** Reported stored in the orphan, and not known to be adopted. */
  readonly #promised = new Set<number>();
  /** The orphan may exist. */
  #mayExist = false;
  #busy: OrphanHost | undefined;

  constructor(private readonly stage: Stage) {}

  get isSettled(): boolean {
    return !this.#mayExist;
  }

  /**
   * Messages for the orphan, which nobody sends. On a topic of their own: they arrive in their order, but later than what
   * was published after them.
   */
  async publish(host: OrphanHost, action: number, random: Random): Promise<void> {
    if (this.#isBusy(host)) return;
    this.#busy = host;
    this.#mayExist = true;
    const { oracle, trace } = this.stage;
    const { store, scheduler } = host;
    const connection = { url: 'mqtt://nowhere:1883', protocolVersion: 4, clean: false, keepalive: 60 } as const;
    const orphan = new Client({ clientId: CLIENT_ID, store, connection, environment: { scheduler } });
    orphan.on('storeError', (error) => trace.note(() => `orphan: store error ${error}`));
    try {
      await orphan.open();
      const count = random.between(1, 20);
      for (let index = 0; index < count; index++) {
        const number = firstNumberOf(action) + index;
        const qos = random.pick([1, 2] as const);
        const topic = `orphan/${action}`;
        const payload = numberedPayload(number, random.between(20, 300));
        this.stage.publishedAt.set(number, scheduler.now());
        oracle.published(number, topic, qos);
        orphan.publish({ topic, payload, qos, retain: false }).then(
          () => host.isAlive() && this.#promised.add(number),
          () => host.isAlive() && oracle.failed(number),
        );
      }
      await orphan.close();
    } catch (error) {
      trace.note(() => `orphan not closed: ${error}`);
    }
    if (this.#busy === host) this.#busy = undefined;
  }

  async adopt(host: OrphanHost): Promise<void> {
    if (!this.#mayExist || this.#isBusy(host)) return;
    this.#busy = host;
    try {
      const { messages, duplicates } = await adoptSession(host.store, CLIENT_ID, host.client);
      this.stage.trace.note(() => `orphan adopted: ${messages} and ${duplicates}`);
      if (host.isAlive()) this.#adopted();
    } catch (error) {
      this.stage.trace.note(() => `not adopted: ${error}`);
      // Deleted before the process of then could say so.
      if (host.isAlive() && errorCode(error) === 'ERR_SESSION_UNKNOWN') this.#adopted();
    }
    if (this.#busy === host) this.#busy = undefined;
  }

  #adopted(): void {
    for (const number of this.#promised) this.stage.oracle.stored(number);
    this.#promised.clear();
    this.#mayExist = false;
  }

  #isBusy(host: OrphanHost): boolean {
    return this.#busy?.client === host.client;
  }
}
