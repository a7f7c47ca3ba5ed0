import { type Kind, type KindCounts, noCounts } from './kinds';

interface Entry {
  at: number;
  /** An I/O call: many in a row are shown in one line. */
  isCall: boolean;
  describe: () => string;
}

/** Counts what happens, and keeps the last events, formatted only when somebody asks. */
export class Trace {
  readonly kinds: KindCounts = noCounts();
  /** Events given to the session: packets, connections, calls of the application, its timers. I/O calls are counted apart. */
  events = 0;
  readonly #entries: Entry[] = [];
  #count = 0;

  constructor(
    private readonly now: () => number,
    private readonly kept: number,
  ) {}

  /** Something of a kind that is counted. */
  add(kind: Kind, describe: () => string = () => ''): void {
    this.kinds[kind] += 1;
    this.#push({ at: this.now(), isCall: false, describe: () => `${kind} ${describe()}` });
  }

  count(kind: Kind, times = 1): void {
    this.kinds[kind] += times;
  }

  /** Something that is only shown. */
  note(describe: () => string): void {
    this.#push({ at: this.now(), isCall: false, describe });
  }

  call(operation: string, path: string): void {
    this.kinds['I/O call'] += 1;
    this.#push({
      at: this.now(),
      isCall: true,
      describe: () => `${operation} ${path.slice(path.lastIndexOf('/') + 1)}`,
    });
  }

  /** The last events, oldest first, with seconds since `start`. */
  last(start: number): string[] {
    const from = this.#count % this.kept;
    const entries =
      this.#count > this.kept ? [...this.#entries.slice(from), ...this.#entries.slice(0, from)] : this.#entries;
    const lines: string[] = this.#count > this.kept ? [`... ${this.#count - this.kept} events before`] : [];
    let calls: string[] = [];
    const stamp = (at: number) => `${((at - start) / 1000).toFixed(3).padStart(9)} s`;
    for (const [index, { at, isCall, describe }] of entries.entries()) {
      if (isCall) calls.push(describe());
      else lines.push(`${stamp(at)}  ${describe().trimEnd()}`);
      if (calls.length > 0 && entries[index + 1]?.isCall !== true) {
        lines.push(`${stamp(at)}  I/O: ${summary(calls)}`);
        calls = [];
      }
    }
    return lines;
  }

  #push(entry: Entry): void {
    this.#entries[this.#count++ % this.kept] = entry;
  }
}

function summary(calls: readonly string[]): string {
  if (calls.length <= 8) return calls.join(', ');
  return `${calls.slice(0, 3).join(', ')}, ${calls.length - 6} more, ${calls.slice(-3).join(', ')}`;
}
