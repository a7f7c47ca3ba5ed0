import type { Packet } from 'mqtt-packet';
import type { InboundPacket, OutboundPacket } from '../../src/session/packets';
import { RuleChecker } from '../support/rules';
import type { Ledger } from './ledger';
import { messageNumber } from './message-number';

/**
 * What the checker takes the PUBREL for that clears an identifier: the re-send of one. It counts those that may wait as
 * sent, when the first new PUBLISH went out.
 */
const CLEARING_RULES: ReadonlySet<string> = new Set(['pubrel-order', 'resend-order', 'resend-on-live-connection']);

/** Judges every packet between the client and one broker: by MQTT's rules, and by what must be durable before it. */
export class LinkRules {
  readonly #checker = new RuleChecker({ maxDeliveries: 0, maxNotes: 50 });
  #judged = 0;
  /** The last message sent under each identifier. */
  readonly #numbers = new Map<number, number>();
  /** Identifiers that a PUBLISH or PUBREL went out with on the present connection. */
  readonly #sentNow = new Set<number>();
  /** Something that was sent before is still to be sent again. */
  #resending = true;
  #isOff = false;
  /** The packet is a PUBREL that frees its identifier for another message: nothing is sent again by it. */
  #isClearing = false;

  constructor(
    private readonly clientId: string,
    private readonly ledger: Ledger,
    private readonly violation: (text: string) => void,
  ) {}

  connecting(connection: number, packet: Packet): void {
    this.#sentNow.clear();
    this.#resending = true;
    this.#checker.packet(connection, 'toBroker', packet);
    this.#judge(0, () => []);
  }

  /** `packet` with its topic, `sent` as it goes out. */
  sent(connection: number, packet: OutboundPacket, sent: OutboundPacket): void {
    const missing = () =>
      this.#checker.openIdentifiers(this.clientId).filter((identifier) => !this.#sentNow.has(identifier));
    // Before the packet is taken in: what is missing by then was to come first.
    const missingBefore = packet.cmd === 'publish' && this.#resending ? missing() : [];
    const identifier = packet.messageId ?? 0;
    this.#isClearing = packet.cmd === 'pubrel' && this.#isOver(identifier);
    if (packet.cmd === 'publish') {
      const number = messageNumber(packet.payload);
      this.ledger.mayPublish(number, packet.qos);
      if (packet.qos > 0) {
        this.#resending &&= packet.dup;
        this.#numbers.set(identifier, number);
        this.#sentNow.add(identifier);
      }
    } else if (packet.cmd === 'pubrel') {
      const number = this.#numbers.get(identifier);
      if (number !== undefined) this.ledger.mayRelease(number);
      this.#sentNow.add(identifier);
    } else if (packet.cmd === 'pubrec') this.ledger.mayAnswerPublish(identifier);
    else if (packet.cmd === 'pubcomp') this.ledger.mayComplete(identifier);
    this.#checker.packet(connection, 'toBroker', sent as Packet);
    this.#judge(identifier, () => missingBefore);
  }

  /** It reaches the client. */
  received(connection: number, packet: InboundPacket | Packet): void {
    this.#isClearing = false;
    this.#checker.packet(connection, 'toClient', packet as Packet);
    const identifier = packet.messageId ?? 0;
    const reasonCode = 'reasonCode' in packet ? (packet.reasonCode ?? 0) : 0;
    const isLast =
      packet.cmd === 'puback' || packet.cmd === 'pubcomp' || (packet.cmd === 'pubrec' && reasonCode >= 0x80);
    const number = this.#numbers.get(identifier);
    if (isLast && number !== undefined && this.#sentNow.has(identifier)) this.ledger.settled(number);
    this.#judge(identifier, () => []);
  }

  closed(connection: number): void {
    this.#checker.connectionClosed(connection);
  }

  /** The client's protocol state towards this broker was given up. */
  clientStateLost(): void {
    this.#checker.clientStateLost(this.clientId);
    this.#numbers.clear();
  }

  /** Flipped bits were reported: protocol state may be gone. */
  turnOff(): void {
    this.#isOff = true;
  }

  /** `identifier`: of the packet. `missing`: identifiers whose re-send should have come before. */
  #judge(identifier: number, missing: () => number[]): void {
    const { violations } = this.#checker;
    while (this.#judged < violations.length) {
      const { rule, statement, message } = violations[this.#judged++]!;
      if (this.#isOff) continue;
      // The checker sees the acknowledgement, not what became of its record. The ledger judges every PUBLISH by that.
      if (rule === 'resend-of-acknowledged') continue;
      // A message that was given up keeps its identifier, and is never sent again.
      // A message that was stored before its identifier became reserved by one given up: the broker must let go of it.
      if (rule === 'pubrel-without-pubrec' && this.#isGivenUp(identifier)) continue;
      // The message that had the identifier is over, which the checker may still doubt after the end of a connection.
      if (this.#isClearing && CLEARING_RULES.has(rule)) continue;
      // A PUBREL that clears the identifier of a message that is over may wait.
      const needNotCome = (identifier: number) => this.#isGivenUp(identifier) || this.#isOver(identifier);
      if (rule === 'resend-incomplete' && missing().every(needNotCome)) continue;
      this.violation(`MQTT-${statement}: ${message}`);
    }
  }

  #isOver(identifier: number): boolean {
    const number = this.#numbers.get(identifier);
    return number !== undefined && this.ledger.isOver(number);
  }

  /** Also an identifier that only a PUBREL was sent for, to clear it: there is nothing to send again. */
  #isGivenUp(identifier: number): boolean {
    const number = this.#numbers.get(identifier);
    return number === undefined || this.ledger.isGivenUp(number);
  }
}
