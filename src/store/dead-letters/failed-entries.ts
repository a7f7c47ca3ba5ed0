import { plausibleAge } from '../age';
import { isNoSpace } from '../journal/segment-file';
import type { FailedFile, FreshEntry } from './failed-file';
import { BATCH_BYTES, type DeadLetterKey, encodeRemoved, HEADER_BYTES } from './format';
import type { Entry } from './scan';

/** All of them are in the index in memory. */
const ENTRIES_MAX = 100_000;
/** Room that is made at once where the oldest have to go: so the file is rewritten once for many. */
const SHARE_AFTER_EVICTION = 0.75;
/** Removed entries stay in the file while they take less than this, or less than those that are left. */
const REMOVED_BYTES_MIN = 64 * 1024;

export interface FailedLimits {
  bytesMax: number;
  /** Infinity: for ever. */
  ageMsMax: number;
}

/** Decides when entries are appended, and when the file is rewritten, so that its size and its cost stay bounded. */
export class FailedEntries {
  /** Pushed out by the bound or by age. */
  evicted = 0;

  constructor(
    private readonly file: FailedFile,
    private readonly key: DeadLetterKey,
    private readonly limits: FailedLimits,
  ) {}

  /** Adds entries, in order, which take `bytes`; makes room for them. */
  async store(fresh: FreshEntry[], bytes: number): Promise<void> {
    const { end, entries, mustRewrite } = this.file;
    const isFull = end + bytes > this.limits.bytesMax || entries.size + fresh.length > ENTRIES_MAX;
    if (mustRewrite || (fresh.length > 0 && (end === 0 || isFull))) {
      await this.#rewrite([...entries.values()], fresh, isFull);
    } else if (fresh.length > 0) {
      await this.file.append(fresh);
    }
  }

  /** `ids`: of entries. Resolves to their number. */
  async remove(ids: ReadonlySet<number>): Promise<number> {
    const file = this.file;
    if (ids.size === 0) {
      // That they are gone may not be on the disk yet.
      if (file.mustRewrite) await file.rewrite([...file.entries.values()], []);
      return 0;
    }
    const kept: Entry[] = [];
    let bytes = 0;
    for (const entry of file.entries.values()) {
      if (ids.has(entry.id)) continue;
      kept.push(entry);
      bytes += entry.size;
    }
    const record = encodeRemoved(this.key, rangesOf(ids, file.entries.keys()));
    const end = file.end + BATCH_BYTES + record.length;
    const isWasteful = end - HEADER_BYTES - bytes > Math.max(bytes, REMOVED_BYTES_MIN) || end > this.limits.bytesMax;
    if (isWasteful || kept.length === 0 || file.mustRewrite) {
      try {
        await file.rewrite(kept, []);
        return ids.size;
      } catch (error) {
        // On a full disk a word that they are gone may fit where a second file does not.
        if (!isNoSpace(error) || file.mustRewrite) throw error;
        await file.load();
      }
    }
    await file.appendRemoval(ids, record);
    return ids.size;
  }

  /** Rewrites the file; `makeRoom`: without the oldest entries, as far as needed. Resolves to how many went. */
  async #rewrite(kept: Entry[], fresh: FreshEntry[], makeRoom: boolean): Promise<number> {
    const bytesMax = this.limits.bytesMax * SHARE_AFTER_EVICTION;
    const all = [...kept, ...fresh];
    let bytes = HEADER_BYTES + all.reduce((sum, { size }) => sum + size, 0);
    let evicted = 0;
    // The newest is kept, even if it alone takes more.
    while (makeRoom && evicted < all.length - 1) {
      if (bytes <= bytesMax && all.length - evicted <= ENTRIES_MAX * SHARE_AFTER_EVICTION) break;
      bytes -= all[evicted++]?.size ?? 0;
    }
    await this.file.rewrite(kept.slice(evicted), fresh.slice(Math.max(0, evicted - kept.length)));
    this.evicted += evicted;
    return evicted;
  }

  /**
   * Removes what is too old at `now`, and what the bound leaves no room for; and bytes that are no entry. Resolves to how
   * many entries went.
   */
  async tidy(now: number): Promise<number> {
    const { ageMsMax, bytesMax } = this.limits;
    const { entries } = this.file;
    const old = [...entries.values()].filter(({ keptAt }) => plausibleAge(keptAt, now) > ageMsMax);
    let count = old.length > 0 ? await this.remove(new Set(old.map(({ id }) => id))) : 0;
    this.evicted += count;
    // The bound may have been lowered.
    if (this.file.end > bytesMax && this.file.entries.size > 1) {
      count += await this.#rewrite([...this.file.entries.values()], [], true);
    }
    if (this.file.hasWaste) await this.#clear();
    return count;
  }

  async #clear(): Promise<void> {
    try {
      await this.file.rewrite([...this.file.entries.values()], []);
    } catch (error) {
      // What is there can be used all the same.
      if (!isNoSpace(error)) throw error;
    }
  }
}

/** `ids` as ranges that reach over ids which are none of `all`; both in order. */
function rangesOf(ids: ReadonlySet<number>, all: Iterable<number>): [first: number, last: number][] {
  const ranges: [number, number][] = [];
  let current: [number, number] | undefined;
  for (const id of all) {
    if (!ids.has(id)) {
      current = undefined;
    } else if (current === undefined) {
      current = [id, id];
      ranges.push(current);
    } else {
      current[1] = id;
    }
  }
  return ranges;
}
