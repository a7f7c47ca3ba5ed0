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
  /** Flips by file; each process that opens the session renames its segments, but for their number. */
  readonly #flipsOf = new Map<string, number>();
  /** What damage has taken: later damage beside it is told of in one range with it. */
  readonly #taken = new Set<number>();

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
    const file = pickFilled(disk, directory, names, random);
    if (file === undefined) return;
    const { name, content } = file;
    // Room that is kept free at the end of a file says nothing when it is damaged.
    const length = content.findLastIndex((byte) => byte !== 0) + 1;
    const position = random.between(0, Math.max(0, length - 1));
    const mask = 1 << random.between(0, 7);
    content[position] = (content[position] ?? 0) ^ mask;
    this.#flips += 1;
    this.#file = name;
    this.#flipsOf.set(segmentOf(name), (this.#flipsOf.get(segmentOf(name)) ?? 0) + 1);
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
    const taken = numbers.filter((number) => this.ledger.isStored(number) && !this.#taken.has(number));
    for (const number of taken) this.#taken.add(number);
    // A second bit in a file may take what is behind the first, too.
    const bound = this.ledger.largestCommit * Math.max(...this.#flipsOf.values());
    // Which messages a snapshot alone held is not known here.
    if (taken.length > bound && this.#file.endsWith('.mcpj'))
      this.oracle.violation(`flipped bits took ${taken.length} messages, ${bound} are expected at most: ${text}`);
    return true;
  }
}

function segmentOf(name: string): string {
  return name.replace(/^\d+-/, '');
}

function pickFilled(
  disk: MemoryDisk,
  directory: string,
  names: readonly string[],
  random: Random,
): { name: string; content: Buffer } | undefined {
  const candidates = names.filter((name) => !SPARED.test(name));
  while (candidates.length > 0) {
    const [name = ''] = candidates.splice(random.between(0, candidates.length - 1), 1);
    const content = disk.contents(`${directory}/${name}`);
    if (content.length > 0) return { name, content };
  }
  return undefined;
}
