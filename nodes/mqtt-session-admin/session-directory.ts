import type { NodeAPI } from 'node-red';
import type { LiveSession } from '../../src/admin/context';
import { infoOfUsed, overviewOf, type SessionInfo } from '../../src/admin/session-info';
import { listSessions } from '../../src/admin/sessions';
import { type DescribedError, describeError } from '../../src/errors';
import { sessionClaims } from '../mqtt-persistent-broker/session-host';
import { DepthHistory, type Trend } from './depth-history';
import { type KnownStore, knownStores, withStore } from './known-stores';
import { type ListedSession, type OverviewPage, type OverviewQuery, overviewPage } from './overview-query';

/** A list of what is on the disk is used for this long, and for twenty times as long as it took. */
const LIST_USED_MS = 10_000;
/** When something in it is known to be old: at least this long, and for five times as long as it took. */
const OLD_LIST_USED_MS = 500;
/** A new list that comes as soon as this is waited for. */
const QUICK_MS = 100;
const SAMPLE_MS = 2_000;

interface StoreList {
  sessions: SessionInfo[];
  listedAt: number;
  tookMs: number;
  /** Something in it is known to be old. */
  isOld: boolean;
}

export interface DirectoryStore {
  id: string;
  name: string;
  path: string;
  /** Why its sessions are not in the list. */
  error?: DescribedError;
}

export interface DirectoryPage extends OverviewPage {
  stores: DirectoryStore[];
  sessions: (ListedSession & { trend?: Trend })[];
}

/**
 * The sessions of all stores, to be asked for often: what is on the disk is listed now and then, sessions in use are as
 * of now. It also samples how many messages they hold.
 */
export class SessionDirectory {
  /** By storage path. */
  readonly #lists = new Map<string, StoreList>();
  readonly #listing = new Map<string, Promise<StoreList>>();
  /** Sessions that were counted, by storage path and key, for lists that say less. */
  readonly #counted = new Map<string, SessionInfo>();
  readonly #histories = new WeakMap<LiveSession, DepthHistory>();

  constructor(private readonly RED: NodeAPI) {
    RED.events.once('flows:started', () => setInterval(() => this.#sample(), SAMPLE_MS).unref());
  }

  /** What is on the disk was changed: the next request sees it. */
  changed(): void {
    this.#lists.clear();
    this.#listing.clear();
  }

  /** A session was described, which counts what a list does not: lists know it until the session's files change. */
  described(path: string, info: SessionInfo): void {
    if (info.status === 'stored' && info.asOf === 'now') this.#counted.set(countedKey(path, info), info);
  }

  /** One page of all sessions, those in use with the trend of their messages. */
  async page(query: OverviewQuery): Promise<DirectoryPage> {
    const stores: DirectoryStore[] = [];
    const sessions: ListedSession[] = [];
    const paths = new Map<string, string>();
    for (const store of knownStores(this.RED)) {
      const { id, name, settings } = store;
      const described: DirectoryStore = { id, name, path: settings.path };
      stores.push(described);
      paths.set(id, settings.path);
      try {
        for (const session of await this.#sessionsOf(store)) sessions.push({ ...overviewOf(session), store: id });
      } catch (error) {
        described.error = describeError(error as Error);
      }
    }
    const page = overviewPage(sessions, query, Date.now());
    const withTrends = page.sessions.map((session) => {
      const trend = this.#trendOf(session, paths.get(session.store) ?? '');
      return trend === undefined ? session : { ...session, trend };
    });
    return { ...page, stores, sessions: withTrends };
  }

  #trendOf({ clientId, messages }: ListedSession, path: string): Trend | undefined {
    const live = sessionClaims.find(path, clientId);
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
      // It was in use when the list was made.
      list.isOld ||= session.open || session.status === 'opening';
      return this.#best(path, session);
    });
    list.isOld ||= live.size > 0;
    return present;
  }

  async #list(store: KnownStore): Promise<StoreList> {
    const known = this.#lists.get(store.settings.path);
    if (known === undefined) return this.#listAnew(store);
    const { listedAt, tookMs, isOld } = known;
    const usedMs = isOld ? Math.max(OLD_LIST_USED_MS, 5 * tookMs) : Math.max(LIST_USED_MS, 20 * tookMs);
    if (performance.now() - listedAt < usedMs) return known;
    const listing = this.#listAnew(store);
    if (tookMs < QUICK_MS) return listing;
    // An old list serves while a new one is made. A failure is met again, and told, when there is none.
    listing.catch(() => this.#lists.delete(store.settings.path));
    return known;
  }

  #listAnew(store: KnownStore): Promise<StoreList> {
    const { path } = store.settings;
    const running = this.#listing.get(path);
    if (running !== undefined) return running;
    const startedAt = performance.now();
    const listing = withStore(store, listSessions)
      .then((sessions) => {
        const now = performance.now();
        const list: StoreList = { sessions, listedAt: now, tookMs: now - startedAt, isOld: false };
        // What was changed meanwhile is not in it.
        if (this.#listing.get(path) === listing) this.#lists.set(path, list);
        return list;
      })
      .finally(() => {
        if (this.#listing.get(path) === listing) this.#listing.delete(path);
      });
    this.#listing.set(path, listing);
    return listing;
  }

  /** What is known of a session that nobody uses: as it is in a list, or as it was counted. */
  #best(path: string, session: SessionInfo): SessionInfo {
    const counted = this.#counted.get(countedKey(path, session));
    if (counted === undefined) return session;
    const { status, lastAccessAt, fileBytes } = counted;
    if (status === session.status && lastAccessAt === session.lastAccessAt && fileBytes === session.fileBytes) {
      return { ...counted, orphaned: session.orphaned && counted.orphaned };
    }
    this.#counted.delete(countedKey(path, session));
    return session;
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

function countedKey(path: string, { key }: SessionInfo): string {
  return `${path}\n${key}`;
}
