import type { MemoryDisk } from '../support/memory-disk';
import type { Ledger } from './ledger';
import type { Oracle } from './oracle';
import type { Random } from './random';
import type { Trace } from './trace';

/**
 * A lock that is not the store's own is never taken over by itself: whoever runs the machine is told which file to
 * remove. So a damaged one ends an episode, and says nothing about the rest.
 */
const SPARED = /^lock/;
const LOST_RECORDS = /records? (\d+)(?: to (\d+))?/;
const CUT_BACK = /was cut back to record (\d+),/;

/**
 * Flips bits while nobody has the session open, and judges what the store says of it. Without a word from the store all
 * that was promised stays promised. With one, no more may be missing than it names, and that is no more than a group
 * commit: all records in it share one header.
 */
export class Damage {
  #flips = 0;
  #isReported = false;
  #isUnsynced = false;
  /** The file that was flipped last. */
  #file = '';

  constructor(
    private readonly oracle: Oracle,
    private readonly ledger: Ledger,
    private readonly trace: Trace,
  ) {}

  /** There may be less than was durable. */
  get isDone(): boolean {
    return this.#flips > 0 || this.#isUnsynced;
  }

  /** The store has said so: protocol state may be gone with it. */
  get isReported(): boolean {
    return this.#isReported;
  }

  /** A power cut where nothing had to be synced. */
  powerCutUnsynced(): void {
    this.#isUnsynced = true;
    this.#isReported = true;
    this.oracle.forgets();
    this.ledger.distrust();
  }

  /** Flips a bit in one of the session's files. */
  async flip(disk: MemoryDisk, directory: string, random: Random): Promise<void> {
    const names = await disk.list(directory).catch((): string[] => []); // There is no session yet.
    const files = names
      .filter((name) => !SPARED.test(name))
      .map((name) => ({ name, content: disk.contents(`${directory}/${name}`) }));
    const filled = files.filter(({ content }) => content.length > 0);
    if (filled.length === 0) return;
    const { name, content } = random.pick(filled);
    // Room that is kept free at the end of a file says nothing when it is damaged.
    const length = content.findLastIndex((byte) => byte !== 0) + 1;
    const position = random.between(0, Math.max(0, length - 1));
    const mask = 1 << random.between(0, 7);
    content[position] = (content[position] ?? 0) ^ mask;
    this.#flips += 1;
    this.#file = name;
    this.trace.add('bit flipped', () => `${name} byte ${position} of ${length}, mask ${mask}`);
  }

  /** A sentence of the store. @returns whether it is about damage that was done here. */
  told(level: 'info' | 'warn' | 'error', text: string): boolean {
    if (!this.isDone) return false;
    const cut = CUT_BACK.exec(text);
    if (level !== 'error' && cut === null) return false;
    if (this.#flips === 0) return true;
    this.#isReported = true;
    this.trace.add('damage reported', () => text);
    const lost = LOST_RECORDS.exec(text);
    const first = cut === null ? Number(lost?.[1] ?? 0) : Number(cut[1]) + 1;
    const last = cut === null ? Number(lost?.[2] ?? first) : Number.MAX_SAFE_INTEGER;
    const numbers = first === 0 ? [] : [...this.ledger.numbersBetween(first, last)];
    this.oracle.damaged(numbers);
    const { length } = numbers.filter((number) => this.ledger.isStored(number));
    // Which messages a snapshot alone held is not known here.
    if (length > this.ledger.largestCommit && this.#file.endsWith('.mcpj')) {
      this.oracle.violation(
        `one flipped bit took ${length} messages, of at most ${this.ledger.largestCommit} in a commit: ${text}`,
      );
    }
    return true;
  }
}
