import type { SessionClient } from '../../src/client/session-client';
import { SessionClient as Client } from '../../src/client/session-client';
import { errorCode } from '../../src/errors';
import type { Message, QoS } from '../../src/session/message';
import type { Scheduler } from '../../src/store/scheduler';
import type { SessionStore } from '../../src/store/session-store';
import { adoptSession } from '../../src/transfer/adopt';
import type { Oracle } from './oracle';
import type { Trace } from './trace';

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

  constructor(
    private readonly oracle: Oracle,
    private readonly trace: Trace,
  ) {}

  get isSettled(): boolean {
    return !this.#mayExist;
  }

  /** Messages for the orphan, which nobody sends. */
  async publish(
    host: OrphanHost,
    messages: readonly { number: number; message: Message & { qos: QoS } }[],
  ): Promise<void> {
    if (this.#isBusy(host)) return;
    this.#busy = host;
    this.#mayExist = true;
    const { store, scheduler } = host;
    const connection = { url: 'mqtt://nowhere:1883', protocolVersion: 4, clean: false, keepalive: 60 } as const;
    const orphan = new Client({ clientId: CLIENT_ID, store, connection, environment: { scheduler } });
    orphan.on('storeError', (error) => this.trace.add('orphan store error', () => String(error)));
    try {
      await orphan.open();
      for (const { number, message } of messages) {
        this.oracle.published(number, message.topic, message.qos);
        orphan.publish(message).then(
          () => host.isAlive() && this.#promised.add(number),
          () => host.isAlive() && this.oracle.failed(number),
        );
      }
      await orphan.close();
    } catch (error) {
      this.trace.add('orphan not closed', () => String(error));
    }
    if (this.#busy === host) this.#busy = undefined;
  }

  async adopt(host: OrphanHost): Promise<void> {
    if (!this.#mayExist || this.#isBusy(host)) return;
    this.#busy = host;
    try {
      const { messages, duplicates } = await adoptSession(host.store, CLIENT_ID, host.client);
      this.trace.add('adopted', () => `${messages} and ${duplicates}`);
      if (host.isAlive()) this.#adopted();
    } catch (error) {
      this.trace.add('not adopted', () => String(error));
      // Deleted before the process of then could say so.
      if (host.isAlive() && errorCode(error) === 'ERR_SESSION_UNKNOWN') this.#adopted();
    }
    if (this.#busy === host) this.#busy = undefined;
  }

  #adopted(): void {
    for (const number of this.#promised) this.oracle.stored(number);
    this.#promised.clear();
    this.#mayExist = false;
  }

  #isBusy(host: OrphanHost): boolean {
    return this.#busy?.client === host.client;
  }
}
