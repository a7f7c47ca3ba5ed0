import type { Effect } from './effects';
import type { QoS } from './message';
import type { OutboundLedger } from './outbound-ledger';
import { type OutboundMessage, obstacleTo } from './outbound-message';
import type { ConnectionLimits } from './packets';
import type { PoisonWatch } from './poison';
import type { SendLine } from './send-line';
import type { SendRate } from './send-rate';
import type { SendWindow } from './send-window';

/** Decides which messages leave the queue for the line, in order, and which are given up instead. */
export class Admission {
  /** The rate alone holds the next message back. */
  #waitsForRate = false;

  constructor(
    private readonly ledger: OutboundLedger,
    private readonly window: SendWindow,
    private readonly line: SendLine,
    private readonly poison: PoisonWatch,
    private readonly rate: SendRate,
    private readonly effects: Effect[],
  ) {}

  /** Milliseconds after which the rate may let the next message pass; `undefined`: nothing waits for that. */
  get waitMs(): number | undefined {
    return this.#waitsForRate ? this.rate.waitMs : undefined;
  }

  /** Admits all that may be sent now. */
  admit(limits: ConnectionLimits, now: number): void {
    this.#waitsForRate = false;
    while (!this.ledger.failed.isFull) {
      const next = this.ledger.next();
      if (next === undefined) return;
      const obstacle = obstacleTo(next, limits, now);
      const qos = qosOf(next, limits);
      // Only what is durable may be removed from the journal. And as long as it is not, its identifier may yet go to
      // another message: clearing it now would leave a PUBREL open under that one.
      const isRemoved = obstacle !== undefined || qos === 0;
      if ((isRemoved || this.#mayHold(next)) && !this.ledger.isDurable(next)) return;
      if (obstacle !== undefined) {
        this.ledger.taken(next);
        // What this broker was sent before at QoS 2 it may hold under the identifier.
        this.ledger.giveUp(next, { reason: obstacle, failedAt: now }, next.sent && next.qos === 2);
        continue;
      }
      if (!this.poison.admits(qos, this.window.used + this.line.length, now) || !this.#hasPlace(next, qos)) return;
      // What was sent before, or is recorded as sent (QoS 0), is not held back a second time.
      const isNew = !next.sent && !next.removed;
      if (isNew && !this.rate.admits(now)) {
        this.#waitsForRate = true;
        return;
      }
      if (isNew) this.rate.take();
      this.#enter(next, qos, now);
      this.ledger.taken(next);
      this.line.publish(next);
    }
  }

  #hasPlace(outbound: OutboundMessage, qos: QoS): boolean {
    if (qos === 0) return true;
    const holder = this.ledger.open.get(outbound.packetId);
    return (holder === undefined || holder === outbound) && this.window.admits(outbound.size, qos);
  }

  #enter(outbound: OutboundMessage, qos: QoS, now: number): void {
    if (qos === 0) {
      // Once its removal is recorded a message is sent without a handshake, whatever the next broker would take.
      if (!outbound.removed) {
        outbound.removed = true;
        // Sent before at a higher QoS it is open. Another one may be, under the same identifier: that of QoS 0 is not used.
        if (this.ledger.open.get(outbound.packetId) === outbound) this.ledger.open.delete(outbound.packetId);
        outbound.barrier = this.ledger.complete(outbound);
      }
      outbound.qos = 0;
      return;
    }
    if (qos < outbound.message.qos && outbound.qos !== qos) {
      const { sequence, qos: from } = outbound.message;
      this.effects.push({ type: 'report', report: { kind: 'quality-lowered', sequence, from, to: qos } });
    }
    outbound.qos = qos;
    outbound.windowBytes = outbound.size;
    this.window.take(outbound.size, qos);
    this.ledger.open.set(outbound.packetId, outbound);
    if (!outbound.sent && !outbound.cleared && this.#mustClear(outbound)) {
      outbound.phase = 'clearing';
      this.poison.sent(outbound.message.sequence, qos, now);
      this.effects.push({ type: 'send', packet: { cmd: 'pubrel', messageId: outbound.packetId } });
    }
  }

  /**
   * A QoS 2 message under an identifier that the broker holds would be swallowed. One of QoS 1 only breaks a rule, and only
   * where we know that it holds one (MQTT-2.3.1-2 (3.1.1), MQTT-2.2.1-3 (5.0)).
   */
  #mustClear(outbound: OutboundMessage): boolean {
    return outbound.qos === 2 ? this.#mayHold(outbound) : this.ledger.held.isReserved(outbound.packetId);
  }

  #mayHold({ message: { sequence }, packetId }: OutboundMessage): boolean {
    return this.ledger.held.mayHold({ sequence, packetId });
  }
}

/** QoS towards this broker. A re-send keeps the QoS of the first; it only follows a broker that takes less now. */
function qosOf(outbound: OutboundMessage, limits: ConnectionLimits): QoS {
  const wanted = outbound.sent ? outbound.qos : outbound.message.qos;
  return outbound.removed ? 0 : (Math.min(wanted, limits.maximumQoS) as QoS);
}
