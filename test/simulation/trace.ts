const KEPT = 80;

/** The last events of a run, formatted only when somebody asks. */
export class Trace {
  readonly #events: (() => string)[] = [];
  #count = 0;
  /** Kinds of events and how often they came. */
  readonly kinds: Record<string, number> = {};

  add(kind: string, describe: () => string = () => ''): void {
    this.kinds[kind] = (this.kinds[kind] ?? 0) + 1;
    this.#events[this.#count++ % KEPT] = () => `${kind} ${describe()}`;
  }

  last(): string[] {
    const start = this.#count % KEPT;
    return [...this.#events.slice(start), ...this.#events.slice(0, start)].map((describe) => describe());
  }
}
