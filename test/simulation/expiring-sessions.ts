import { SessionClient } from '../../src/client/session-client';
import { errorCode } from '../../src/errors';
import { numberedPayload } from './message-number';
import type { OrphanHost } from './orphans';
import type { Random } from './random';
import { CLIENT_ID, type Stage } from './stage';

/** Stamps before that come from a clock that was not set, and say nothing. */
const CLOCK_IS_SET_FROM = Date.UTC(2024, 0, 1);
const SESSIONS_MAX = 8;

interface Closed {
  /** By the wall clock of the process that closed it. */
  at: number;
  expiryMs: number;
}

/**
 * Sessions that nobody uses and that expire: clean-up deletes those whose time is over and no others, whatever the wall
 * clock shows meanwhile.
 */
export class ExpiringSessions {
  readonly #closed = new Map<string, Closed>();
  #made = 0;
  #busy: OrphanHost | undefined;

  constructor(private readonly stage: Stage) {}

  async make(host: OrphanHost, random: Random): Promise<void> {
    if (this.#busy?.client === host.client) return;
    this.#busy = host;
    if (this.#closed.size >= SESSIONS_MAX) await this.#deleteOldest(host);
    const { store, scheduler } = host;
    const clientId = `expiring ${++this.#made}`;
    const expiryInterval = random.pick([1, 1, 1, 2, 2, 3_600]);
    const connection = { url: 'mqtt://nowhere:1883', protocolVersion: 4, clean: false, keepalive: 60 } as const;
    const client = new SessionClient({ clientId, store, connection, expiryInterval, environment: { scheduler } });
    try {
      await client.open();
      await client.publish({ topic: 'never', payload: numberedPayload(0, 20), qos: 1, retain: false });
      await client.close();
      if (host.isAlive()) this.#closed.set(clientId, { at: scheduler.now(), expiryMs: expiryInterval * 1_000 });
    } catch (error) {
      this.stage.trace.note(() => `session that expires: ${error}`);
    }
    if (this.#busy === host) this.#busy = undefined;
  }

  /** One that a wall clock keeps from expiring would be in the way of others. */
  async #deleteOldest({ store }: OrphanHost): Promise<void> {
    for (const clientId of this.#closed.keys()) {
      this.#closed.delete(clientId);
      await store.delete(clientId).catch((error) => this.stage.trace.note(() => `session that expires: ${error}`));
      return;
    }
  }

  async cleanUp(host: OrphanHost): Promise<void> {
    if (this.#busy?.client === host.client) return;
    this.#busy = host;
    const { oracle, trace } = this.stage;
    const now = host.scheduler.now();
    trace.add('clean-up');
    try {
      const { sessions, failed } = await host.store.cleanUp({ isInUse: (clientId) => clientId === CLIENT_ID });
      if (!host.isAlive()) return;
      const deleted = new Set(sessions.map(({ clientId }) => clientId));
      if (deleted.has(CLIENT_ID)) oracle.violation('clean-up deleted the session in use');
      for (const [clientId, closed] of this.#closed) {
        const isOver = isPast(closed, now);
        if (deleted.has(clientId)) trace.add('session expired', () => clientId);
        if (deleted.has(clientId) && !isOver) oracle.violation(`clean-up deleted "${clientId}" before its time`);
        if (!deleted.has(clientId) && isOver && failed.length === 0 && (await host.store.exists(clientId))) {
          oracle.violation(`clean-up left "${clientId}", which has expired`);
        }
        if (deleted.has(clientId) || isOver) this.#closed.delete(clientId);
      }
    } catch (error) {
      if (errorCode(error) !== 'ERR_STORE_CLOSED') oracle.violation(`clean-up failed: ${error}`);
    }
    if (this.#busy === host) this.#busy = undefined;
  }
}

/** Nothing is known of how long it was when the clock was not set at one end, or has gone back since. */
function isPast({ at, expiryMs }: Closed, now: number): boolean {
  return at >= CLOCK_IS_SET_FROM && now - at > expiryMs;
}
