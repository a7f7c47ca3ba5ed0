/** Sequences from `first` to `last`, both included. */
export interface SequenceRange {
  first: number;
  last: number;
}

/** A set of sequences as sorted, disjoint ranges that do not touch. Adding in rising order costs nothing to speak of. */
export class SequenceRanges {
  readonly #ranges: SequenceRange[];

  /** `ranges` must be sorted and disjoint; they are copied. */
  constructor(ranges: readonly SequenceRange[] = []) {
    this.#ranges = ranges.map((range) => ({ ...range }));
  }

  get all(): SequenceRange[] {
    return this.#ranges.map((range) => ({ ...range }));
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  has(sequence: number): boolean {
    const range = this.#ranges[this.#firstEndingAtOrAbove(sequence)];
    return range !== undefined && range.first <= sequence;
  }

  add(sequence: number): void {
    const at = this.#firstEndingAtOrAbove(sequence);
    const next = this.#ranges[at];
    if (next !== undefined && next.first <= sequence) return;
    const before = this.#ranges[at - 1];
    const joinsBefore = before?.last === sequence - 1;
    const joinsNext = next?.first === sequence + 1;
    if (joinsBefore && joinsNext) {
      before.last = next.last;
      this.#ranges.splice(at, 1);
    } else if (joinsBefore) before.last = sequence;
    else if (joinsNext) next.first = sequence;
    else this.#ranges.splice(at, 0, { first: sequence, last: sequence });
  }

  delete(sequence: number): void {
    const at = this.#firstEndingAtOrAbove(sequence);
    const range = this.#ranges[at];
    if (range === undefined || range.first > sequence) return;
    const parts = [
      { first: range.first, last: sequence - 1 },
      { first: sequence + 1, last: range.last },
    ].filter(({ first, last }) => first <= last);
    this.#ranges.splice(at, 1, ...parts);
  }

  /** Binary search. */
  #firstEndingAtOrAbove(sequence: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle] as SequenceRange).last < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
