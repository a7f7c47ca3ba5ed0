// Counts messages by their number, so that it does not matter how often a process was killed between two of them.
import { randomUUID } from 'node:crypto';

/** [[first, last], ...] of a set of numbers. */
function rangesOf(numbers) {
  const ranges = [];
  for (const number of [...numbers].sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) {
      last[1] = number;
    } else {
      ranges.push([number, number]);
    }
  }
  return ranges;
}

function* numbersOf(ranges) {
  for (const [first, last] of ranges) {
    for (let number = first; number <= last; number++) {
      yield number;
    }
  }
}

/**
 * Messages are texts, `<run>/<number>`, given out by `take`. Those with another `run`, or of another form, are not
 * counted: they were queued by a launcher that was itself killed and took its counter with it, or sent by a person.
 */
export class Counter {
  #run;
  #next;
  #sent;
  #received;
  #doubled;

  /** `saved`: what `toJSON` gave. */
  constructor(saved = { run: randomUUID(), next: 1, sent: [], received: [], doubled: 0 }) {
    this.#run = saved.run;
    this.#next = saved.next;
    this.#sent = new Set(numbersOf(saved.sent));
    this.#received = new Set(numbersOf(saved.received));
    this.#doubled = saved.doubled;
  }

  /** The next `count` messages. */
  take(count) {
    return Array.from({ length: count }, () => `${this.#run}/${this.#next++}`);
  }

  /** The number of a message of this run, or undefined. */
  #numberOf(message) {
    const [run, number] = String(message).split('/');
    return run === this.#run && /^\d+$/.test(number) ? Number(number) : undefined;
  }

  /** The out node reported this message done. */
  sent(message) {
    const number = this.#numberOf(message);
    if (number !== undefined) {
      this.#sent.add(number);
    }
  }

  /** It arrived. Then it was sent as well, even if a kill came between the out node and its report. */
  received(message) {
    const number = this.#numberOf(message);
    if (number === undefined) {
      return;
    }
    if (this.#received.has(number)) {
      this.#doubled++;
    }
    this.#received.add(number);
    this.#sent.add(number);
  }

  /** `missing`: sent and not yet received. `doubled`: how often a message came that was there already. */
  totals() {
    return {
      sent: this.#sent.size,
      received: this.#received.size,
      missing: this.#sent.size - this.#received.size,
      doubled: this.#doubled,
    };
  }

  toJSON() {
    return {
      run: this.#run,
      next: this.#next,
      sent: rangesOf(this.#sent),
      received: rangesOf(this.#received),
      doubled: this.#doubled,
    };
  }
}
