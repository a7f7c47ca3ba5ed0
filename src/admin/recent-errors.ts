import { type DescribedError, describeError } from '../errors';

/** Most errors that a session remembers. */
export const RECENT_ERRORS_MAX = 10;

/** Something that went wrong, perhaps more than once. Times in milliseconds since the epoch. */
export interface PastError extends DescribedError {
  /** When it was first met, and when the last time. */
  since: number;
  at: number;
  /** How often. */
  count: number;
}

/**
 * The last errors of a session, in memory. The same one again is counted, so that attempts to connect that fail every few
 * seconds leave room for what else went wrong.
 */
export class RecentErrors {
  /** Oldest first, by what makes an error the same. */
  readonly #errors = new Map<string, PastError>();

  constructor(private readonly now: () => number = Date.now) {}

  add(error: Error): void {
    const described = describeError(error);
    const key = keyOf(described);
    const { since = this.now(), count = 0 } = this.#errors.get(key) ?? {};
    // To the end, with its newest words.
    this.#errors.delete(key);
    this.#errors.set(key, { ...described, since, at: this.now(), count: count + 1 });
    const [oldest] = this.#errors.keys();
    if (this.#errors.size > RECENT_ERRORS_MAX && oldest !== undefined) this.#errors.delete(oldest);
  }

  /** Newest first. */
  list(): PastError[] {
    return [...this.#errors.values()].reverse();
  }
}

/** The same failure at another topic is the same; what has no code of its own is told by its words. */
function keyOf({ code, message, facts = {} }: DescribedError): string {
  if (code === 'ERR_UNKNOWN') return message;
  return `${code} ${facts.reasonCode ?? ''} ${facts.code ?? ''}`;
}
