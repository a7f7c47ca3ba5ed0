import type { Effect } from './effects';
import { Fifo } from './fifo';
import type { OutboundLedger } from './outbound-ledger';
import { type OutboundMessage, publishPacket } from './outbound-message';
import type { ConnectionLimits } from './packets';
import type { RecordLog } from './record-log';
import type { SendWindow } from './send-window';

/** Fewer messages are not worth running ahead for. */
const MARK_STEP_MIN = 64;

/** Packets of one connection that wait, in order, until all that must be durable before them is. */
export class SendLine {
  /** Admitted to the window. */
  readonly #publishes = new Fifo<OutboundMessage>();
  readonly #releases = new Fifo<OutboundMessage>();

  constructor(
    private readonly ledger: OutboundLedger,
    private readonly window: SendWindow,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
    /** The mark covers nothing that is not about to be sent. */
    private readonly exactMark: boolean,
  ) {}

  /** How many wait, for the disk or for an answer of the broker. */
  get length(): number {
    return this.#publishes.length + this.#releases.length;
  }

  /** Whether the first one waits for the broker to free its identifier. */
  get isClearing(): boolean {
    return this.#publishes.peek()?.phase === 'clearing';
  }

  /** A message admitted to the window. */
  publish(outbound: OutboundMessage): void {
    this.#publishes.push(outbound);
  }

  /** Its PUBREL is due. */
  release(outbound: OutboundMessage): void {
    this.#releases.push(outbound);
  }

  /** @returns whether no PUBREL waits any more. */
  sendReleases(): boolean {
    for (let head = this.#releases.peek(); head !== undefined; head = this.#releases.peek()) {
      if (head.barrier > this.log.durable) return false;
      this.#releases.shift();
      head.phase = 'released';
      this.effects.push({ type: 'send', packet: { cmd: 'pubrel', messageId: head.packetId } });
    }
    return true;
  }

  /** Sends what may be sent; `sent` is told of each. */
  sendPublishes(limits: ConnectionLimits, now: number, sent: (outbound: OutboundMessage) => void): void {
    for (let head = this.#publishes.peek(); head !== undefined; head = this.#publishes.peek()) {
      if (head.phase === 'clearing') return;
      const { sequence } = head.message;
      const marked = head.qos === 0 || head.sent ? 0 : this.ledger.mark.cover(sequence, this.#markStep(head));
      if (Math.max(head.barrier, marked) > this.log.durable) {
        if (head.barrier <= this.log.durable) this.ledger.mark.waitedFor();
        return;
      }
      this.#publishes.shift();
      this.effects.push({ type: 'send', packet: publishPacket(head, limits, now) });
      sent(head);
    }
  }

  /** The connection is gone. @returns what was admitted and not sent. */
  clear(): OutboundMessage[] {
    const unsent = [...this.#publishes];
    this.#publishes.clear();
    this.#releases.clear();
    return unsent;
  }

  /** The store kept nothing above `durable`: messages there leave the line. */
  storeFailed(durable: number, appended: number): void {
    const all = [...this.#publishes];
    this.#publishes.clear();
    for (const outbound of all) {
      if (outbound.message.sequence <= durable) {
        if (outbound.barrier > durable) outbound.barrier = appended;
        this.#publishes.push(outbound);
      } else if (outbound.windowBytes >= 0) this.window.giveBack(outbound.windowBytes, outbound.qos);
    }
  }

  /**
   * How far the mark runs ahead. Not beyond what is in line where identifiers are being cleared (it must not cover one that
   * the broker may still hold), where what counts as sent is discarded with the broker's session, and for messages of
   * which few fit.
   */
  #markStep(head: OutboundMessage): number {
    const { sequence } = head.message;
    const ahead = this.ledger.mark.reach(this.window.limit, head.size);
    if (!this.exactMark && ahead >= MARK_STEP_MIN && !this.ledger.held.mayHoldBehind(sequence, ahead)) return ahead;
    return this.#lastToBeSent(head) - sequence;
  }

  /** The last message in line that needs no clearing before it. */
  #lastToBeSent(head: OutboundMessage): number {
    const { sequence } = head.message;
    const last = Math.max(sequence, this.#publishes.last()?.message.sequence ?? 0);
    if (!this.ledger.held.mayHoldBehind(sequence, last - sequence)) return last;
    let cleared = sequence;
    for (const outbound of this.#publishes) {
      if (outbound.phase === 'clearing') break;
      cleared = outbound.message.sequence;
    }
    return cleared;
  }
}
