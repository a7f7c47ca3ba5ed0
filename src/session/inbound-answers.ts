import type { Effect } from './effects';
import { Fifo } from './fifo';
import type { AcknowledgementPacket } from './packets';
import type { RecordLog } from './record-log';

interface Answer {
  packet: AcknowledgementPacket;
  /** The record that must be durable before. */
  barrier: number;
}

/**
 * PUBREC and PUBCOMP that are due on the present connection, each as soon as its record is durable.
 *
 * A broker keeps what it has sent in a list, and looks each answer up in it: with 50,000 PUBREC in front of the first
 * PUBCOMP Mosquitto takes fifty times as long as with a thousand. So only so many handshakes are under way.
 */
export class InboundAnswers {
  /** In the order of receipt (MQTT-4.6.0-3 (3.1.1)). */
  readonly #pubrecs = new Fifo<Answer>();
  readonly #pubcomps = new Fifo<Answer>();
  /** Identifiers that PUBREC was sent for on this connection, and PUBCOMP was not. */
  readonly #underWay = new Set<number>();

  constructor(
    private readonly handshakesMax: number,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
  ) {}

  get length(): number {
    return this.#pubrecs.length + this.#pubcomps.length;
  }

  clear(): void {
    this.#pubrecs.clear();
    this.#pubcomps.clear();
    this.#underWay.clear();
  }

  pubrec(messageId: number, barrier: number): void {
    this.#pubrecs.push({ packet: { cmd: 'pubrec', messageId }, barrier });
  }

  /** After PUBREL. */
  pubcomp(packet: AcknowledgementPacket, barrier: number): void {
    this.#pubcomps.push({ packet, barrier });
  }

  /** Sends what may be sent: what ends a handshake first. */
  send(): void {
    for (let next = this.#durable(this.#pubcomps); next !== undefined; next = this.#durable(this.#pubcomps)) {
      this.#pubcomps.shift();
      this.#underWay.delete(next.messageId);
      this.effects.push({ type: 'send', packet: next });
    }
    while (this.#underWay.size < this.handshakesMax) {
      const next = this.#durable(this.#pubrecs);
      if (next === undefined) return;
      this.#pubrecs.shift();
      this.#underWay.add(next.messageId);
      this.effects.push({ type: 'send', packet: next });
    }
  }

  /** Records above the durable one were appended again, up to `appended`. */
  storeFailed(appended: number): void {
    for (const answers of [this.#pubrecs, this.#pubcomps]) {
      for (const answer of answers) if (answer.barrier > this.log.durable) answer.barrier = appended;
    }
  }

  #durable(answers: Fifo<Answer>): AcknowledgementPacket | undefined {
    const head = answers.peek();
    return head === undefined || head.barrier > this.log.durable ? undefined : head.packet;
  }
}
