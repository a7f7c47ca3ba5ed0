const PERIOD_MS = 60_000;

interface Repeated {
  text: string;
  until: number;
  suppressed: number;
}

/**
 * Lets the same error into the log once a minute, with the number of times it came in between.
 */
export class RepeatLimit {
  readonly #entries = new Map<string, Repeated>();
  #timer: NodeJS.Timeout | undefined;

  /** `summarize` logs what was held back, when its minute is over. */
  constructor(
    private readonly summarize: (text: string, count: number) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether an error is to be logged now. Errors with the same `key` are the same. */
  admit(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry !== undefined && this.now() < entry.until) return false;
    if (entry !== undefined && entry.suppressed > 0) this.summarize(entry.text, entry.suppressed);
    this.#entries.set(key, { text: '', until: this.now() + PERIOD_MS, suppressed: 0 });
    return true;
  }

  /** Counts an error that was not admitted. */
  count(key: string, text: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.suppressed += 1;
    entry.text = text;
    this.#timer ??= setTimeout(() => this.#report(), PERIOD_MS).unref();
  }

  /** Logs what was held back, and ends. */
  close(): void {
    this.#report();
    clearTimeout(this.#timer);
  }

  #report(): void {
    this.#timer = undefined;
    for (const { text, suppressed } of this.#entries.values()) if (suppressed > 0) this.summarize(text, suppressed);
    this.#entries.clear();
  }
}
