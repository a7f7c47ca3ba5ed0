import type { NodeAPI } from 'node-red';
import type { LiveSession } from '../../src/admin/context';
import { infoOfUsed, overviewOf, type SessionInfo } from '../../src/admin/session-info';
import { listSessions } from '../../src/admin/sessions';
import { sessionClaims } from '../mqtt-persistent-broker/session-host';
import { DepthHistory, type Trend } from './depth-history';
import { type KnownStore, knownStores, withStore } from './known-stores';
import type { ListedSession } from './overview-query';

/** A list of what is on the disk is used for this long, and for twenty times as long as it took. */
const LIST_USED_MS = 10_000;
/** When something is known to have changed: at least this long, and five times as long as it took. */
const LIST_USED_MIN_MS = 500;
const SAMPLE_MS = 2_000;

interface StoreList {
  sessions: SessionInfo[];
  listedAt: number;
  tookMs: number;
}

export interface DirectoryStore {
  id: string;
  name: string;
  path: string;
  /** Why its sessions are not in the list. */
  error?: { message: string };
}

/**
 * The sessions of all stores, to be asked for often: what is on the disk is listed now and then, sessions in use are as
 * of now. It also samples how many messages they hold.
 */
export class SessionDirectory {
  /** By storage path. */
  readonly #lists = new Map<string, StoreList>();
  readonly #listing = new Map<string, Promise<StoreList>>();
  readonly #histories = new WeakMap<LiveSession, DepthHistory>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly RED: NodeAPI) {
    RED.events.on('flows:started', () => this.#start());
    RED.events.on('flows:stopping', () => clearInterval(this.#timer));
  }

  /** What is on the disk may have changed. */
  changed(): void {
    for (const list of this.#lists.values()) list.listedAt = Number.NEGATIVE_INFINITY;
  }

  async sessions(): Promise<{ stores: DirectoryStore[]; sessions: ListedSession[] }> {
    const stores: DirectoryStore[] = [];
    const sessions: ListedSession[] = [];
    for (const store of knownStores(this.RED)) {
      const { id, name, settings } = store;
      const described: DirectoryStore = { id, name, path: settings.path };
      stores.push(described);
      try {
        for (const session of await this.#sessionsOf(store)) sessions.push({ ...overviewOf(session), store: id });
      } catch (error) {
        described.error = { message: (error as Error).message };
      }
    }
    return { stores, sessions };
  }

  /** Of a session in use; undefined for others. */
  trendOf({ store, clientId, messages }: ListedSession): Trend | undefined {
    const path = knownStores(this.RED).find(({ id }) => id === store)?.settings.path;
    const live = path === undefined ? undefined : sessionClaims.find(path, clientId);
    const history = live === undefined ? undefined : this.#histories.get(live);
    return history?.trend(performance.now(), messages);
  }

  async #sessionsOf(store: KnownStore): Promise<SessionInfo[]> {
    const { path, maxBytes } = store.settings;
    const list = await this.#list(store);
    const live = new Map(sessionClaims.list(path));
    const present = list.sessions.map((session) => {
      const used = live.get(session.clientId);
      live.delete(session.clientId);
      if (used !== undefined) return infoOfUsed(session, used, maxBytes);
      if (session.open || session.status === 'opening') this.#expire(list);
      return session;
    });
    // Whoever is in use and not in the list has come since.
    if (live.size > 0) this.#expire(list);
    return present;
  }

  /** The next request lists anew. */
  #expire(list: StoreList): void {
    list.listedAt = Math.min(list.listedAt, performance.now() - LIST_USED_MS - 20 * list.tookMs);
  }

  /** An older list serves while a new one is made, unless something is known to have changed. */
  async #list(store: KnownStore): Promise<StoreList> {
    const { path } = store.settings;
    const known = this.#lists.get(path);
    if (known === undefined || known.listedAt === Number.NEGATIVE_INFINITY) return this.#listAnew(store);
    const age = performance.now() - known.listedAt;
    if (age >= Math.max(LIST_USED_MS, 20 * known.tookMs)) {
      const listing = this.#listAnew(store);
      // Small ones at once: then nothing is shown that is not so any more.
      if (5 * known.tookMs <= LIST_USED_MIN_MS) return listing;
      listing.catch(() => this.#lists.delete(path));
    }
    return known;
  }

  #listAnew(store: KnownStore): Promise<StoreList> {
    const { path } = store.settings;
    const running = this.#listing.get(path);
    if (running !== undefined) return running;
    const startedAt = performance.now();
    const listing = withStore(store, listSessions)
      .then((sessions) => {
        const list: StoreList = { sessions, listedAt: startedAt, tookMs: performance.now() - startedAt };
        this.#lists.set(path, list);
        return list;
      })
      .finally(() => this.#listing.delete(path));
    this.#listing.set(path, listing);
    return listing;
  }

  #start(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  #sample(): void {
    const now = performance.now();
    for (const { settings } of knownStores(this.RED)) {
      for (const [, live] of sessionClaims.list(settings.path)) {
        const history = this.#histories.get(live) ?? new DepthHistory();
        this.#histories.set(live, history);
        if (live.client?.state.kind === 'open') history.record(now, live.client.stored.count);
      }
    }
  }
}
