import type { Node } from 'node-red';
import type { SessionStatus } from './status';

const INTERVAL_MS = 500;
/** While messages are stored their number changes without anybody saying so. */
const POLL_MS = 1_000;

/** Shows the status of a session at all its nodes: what changed, and at most twice a second. */
export class StatusReporter {
  readonly #shown = new WeakMap<Node, { key: string; queued: number }>();
  #timer: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(
    private readonly compute: () => SessionStatus,
    private readonly nodes: () => Iterable<Node>,
  ) {}

  /** Something may have changed. */
  touch(): void {
    if (this.#timer !== undefined || this.#closed) return;
    const wait = this.#lastAt + INTERVAL_MS - performance.now();
    if (wait <= 0) this.#report();
    else this.#timer = setTimeout(() => this.#report(), wait);
  }

  /** Shows a node that has just come what the others show. */
  show(node: Node): void {
    this.#showAt(node, this.compute());
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#poll);
  }

  #report(): void {
    this.#timer = undefined;
    this.#lastAt = performance.now();
    const status = this.compute();
    for (const node of this.nodes()) this.#showAt(node, status);
    clearTimeout(this.#poll);
    if (status.queued > 0) this.#poll = setTimeout(() => this.touch(), POLL_MS).unref();
  }

  /**
   * A number that is not in the text is no reason to send Status nodes a message, but for the last one: a status that said
   * that something waits is followed by one when nothing does any more.
   */
  #showAt(node: Node, status: SessionStatus): void {
    const { fill, shape, text, state, queued } = status;
    const key = `${fill} ${shape} ${state} ${text}`;
    const shown = this.#shown.get(node);
    if (shown?.key === key && (queued > 0 || shown.queued === 0)) return;
    this.#shown.set(node, { key, queued });
    node.status(status);
  }
}
