import type { InboundPacket } from '../../src/session/packets';
import type { Random } from './random';
import type { Trace } from './trace';
import type { VirtualTime } from './virtual-time';

type AnswerKind = 'puback' | 'pubrec' | 'pubcomp' | 'other';

/** A broker's answers on one connection: each takes its time; those of one kind keep their order, others overtake. */
export class BrokerAnswers {
  /** What would have been answered since it fell mute; `undefined`: it is not. */
  #unsaid: InboundPacket[] | undefined;
  #asked = 0;
  #lastLeft = 0;
  /** When the last answer of a kind leaves. */
  readonly #leavesAt = new Map<AnswerKind, number>();

  constructor(
    private readonly time: VirtualTime,
    private readonly random: Random,
    private readonly trace: Trace,
    private readonly delayMsMax: () => number,
    private readonly leave: (packet: InboundPacket) => void,
  ) {}

  mute(): void {
    this.#unsaid ??= [];
  }

  /** A broker that has hung, and goes on: nothing that TCP has carried to it is lost, so nothing it owes is. */
  speak(): void {
    const unsaid = this.#unsaid ?? [];
    this.#unsaid = undefined;
    for (const packet of unsaid) this.leave(packet);
  }

  give(packet: InboundPacket): void {
    const kind = packet.cmd === 'puback' || packet.cmd === 'pubrec' || packet.cmd === 'pubcomp' ? packet.cmd : 'other';
    const now = this.time.now();
    const at = Math.max(this.#leavesAt.get(kind) ?? 0, now + this.random.between(0, this.delayMsMax()));
    const asked = ++this.#asked;
    this.#leavesAt.set(kind, at);
    if (at > now) this.trace.count('answer delayed');
    this.time.after(at - now, () => {
      if (this.#unsaid !== undefined) {
        this.#unsaid.push(packet);
        return;
      }
      if (asked < this.#lastLeft) this.trace.count('answers out of order');
      this.#lastLeft = Math.max(this.#lastLeft, asked);
      this.leave(packet);
    });
  }
}
