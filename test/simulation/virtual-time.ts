import type { Scheduler } from '../../src/store/scheduler';

interface Task {
  at: number;
  order: number;
  run: (() => void) | undefined;
}

/** Time that moves from one task to the next. Tasks due at the same moment run in the order in which they were made. */
export class VirtualTime implements Scheduler {
  #now: number;
  #order = 0;
  /** Binary heap: the next task first. */
  readonly #heap: Task[] = [];

  constructor(start: number) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const task: Task = { at: this.#now + Math.max(0, delayMs), order: ++this.#order, run };
    this.#push(task);
    return () => {
      task.run = undefined;
    };
  }

  /**
   * A process's scheduler. Its tasks die with it, and `ran` counts them; its wall clock is off by `clockOffsetMs` for as
   * long as it lives, because a process reads the wall clock once.
   */
  ofProcess(isAlive: () => boolean, clockOffsetMs: number, ran: () => void): Scheduler {
    return {
      now: () => this.#now + clockOffsetMs,
      after: (delayMs, task) =>
        this.after(delayMs, () => {
          if (!isAlive()) return;
          ran();
          task();
        }),
    };
  }

  /** Runs the next task. @returns false when there is none. */
  step(): boolean {
    for (let task = this.#pop(); task !== undefined; task = this.#pop()) {
      if (task.run === undefined) continue;
      this.#now = task.at;
      task.run();
      return true;
    }
    return false;
  }

  #before(one: Task, other: Task): boolean {
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(task);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(task, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = task;
  }

  #pop(): Task | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!this.#before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}
