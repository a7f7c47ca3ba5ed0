import type { IPublishPacket } from 'mqtt-packet';
import { contentDigest } from './content';
import type { Report } from './types';

/**
 * Messages from the broker and the client's duty to acknowledge them: each once, with the right type, in the order
 * received, and only what came in on this connection.
 */
export class IncomingRules {
  // Of this connection, in the order received.
  #pubackOwed: number[] = [];
  #pubrecOwed: number[] = [];
  #pubcompOwed: number[] = [];
  // Of the session.
  readonly #unacknowledged = new Set<number>();
  /** QoS 2 identifiers and the content of their messages. */
  readonly #unreleased = new Map<number, string>();
  readonly #released = new Map<number, string>();

  connected(): void {
    this.#pubackOwed = [];
    this.#pubrecOwed = [];
    this.#pubcompOwed = [];
  }

  forget(): void {
    this.connected();
    this.#unacknowledged.clear();
    this.#unreleased.clear();
    this.#released.clear();
  }

  /** @returns how this delivery stands to earlier ones; see the fields of the same name in Delivery. */
  delivered(packet: IPublishPacket, topic: string): { repeat: boolean; afterRelease: boolean } {
    const { messageId: identifier, qos } = packet;
    if (qos === 0 || identifier === undefined) return { repeat: false, afterRelease: false };
    if (qos === 1) {
      const repeat = this.#unacknowledged.has(identifier);
      this.#unacknowledged.add(identifier);
      this.#pubackOwed.push(identifier);
      return { repeat, afterRelease: false };
    }
    const repeat = this.#unreleased.has(identifier);
    const content = contentDigest(packet, topic);
    const afterRelease = packet.dup && this.#released.get(identifier) === content;
    this.#unreleased.set(identifier, content);
    this.#pubrecOwed.push(identifier);
    return { repeat, afterRelease };
  }

  released(identifier: number): void {
    const content = this.#unreleased.get(identifier);
    if (content !== undefined) this.#released.set(identifier, content);
    this.#unreleased.delete(identifier);
    this.#pubcompOwed.push(identifier);
  }

  puback(identifier: number, report: Report): void {
    if (this.#take(this.#pubackOwed, identifier, 'PUBACK', 'puback-order', report)) {
      this.#unacknowledged.delete(identifier);
    } else if (this.#pubrecOwed.includes(identifier)) {
      report.violation('acknowledgement-wrong-type', `PUBACK ${identifier} for a QoS 2 PUBLISH`);
    } else {
      this.#withoutCause('PUBACK', 'PUBLISH', identifier, report);
    }
  }

  pubrec(identifier: number, reason: number, report: Report): void {
    if (this.#take(this.#pubrecOwed, identifier, 'PUBREC', 'pubrec-order', report)) {
      if (reason >= 0x80) this.#unreleased.delete(identifier);
    } else if (this.#pubackOwed.includes(identifier)) {
      report.violation('acknowledgement-wrong-type', `PUBREC ${identifier} for a QoS 1 PUBLISH`);
    } else {
      this.#withoutCause('PUBREC', 'PUBLISH', identifier, report);
    }
  }

  pubcomp(identifier: number, report: Report): void {
    const index = this.#pubcompOwed.indexOf(identifier);
    if (index < 0) this.#withoutCause('PUBCOMP', 'PUBREL', identifier, report);
    else this.#pubcompOwed.splice(index, 1);
  }

  /** What the client still owes on this connection, in words. */
  unsettled(): string[] {
    const owed: [string, number[]][] = [
      ['PUBACK', this.#pubackOwed],
      ['PUBREC', this.#pubrecOwed],
      ['PUBCOMP', this.#pubcompOwed],
    ];
    return owed.flatMap(([cmd, list]) => (list.length > 0 ? [`${cmd} owed for ${list.slice(0, 10).join(', ')}`] : []));
  }

  #take(
    owed: number[],
    identifier: number,
    cmd: string,
    rule: 'puback-order' | 'pubrec-order',
    report: Report,
  ): boolean {
    const index = owed.indexOf(identifier);
    if (index < 0) return false;
    if (index > 0) report.violation(rule, `${cmd} ${identifier} before that of ${owed.slice(0, index).join(', ')}`);
    if (index === 0) owed.shift();
    else owed.splice(index, 1);
    return true;
  }

  #withoutCause(cmd: string, cause: string, identifier: number, report: Report): void {
    report.violation(
      'acknowledgement-without-cause',
      `${cmd} ${identifier}: no unacknowledged ${cause} with this identifier came in on this connection`,
    );
  }
}
