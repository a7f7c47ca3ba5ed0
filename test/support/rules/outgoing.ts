import type { IPublishPacket } from 'mqtt-packet';
import { contentDigest } from './content';
import type { ServerLimits } from './limits';
import { newConnection, type OutgoingConnection, type OutgoingMessage, unseen } from './outgoing-state';
import { type Report, wireLength } from './types';

/**
 * Messages from the client: identifiers, re-sends and the QoS 2 handshake, remembered across connections.
 *
 * What the checker knows is what the proxy saw, which differs from what the client knows in two places:
 * - An acknowledgement that went out to the client before a connection died may not have arrived there, or may not have
 *   been recorded when the client was killed. Such messages are *doubtful*: the next connection may re-send them, or
 *   use their identifiers for something new. The doubt ends with the first new message.
 * - A PUBLISH that the client wrote to a dead socket (or recorded durably just before it was killed) may never have been
 *   seen. It comes as a first send with DUP = 1, after everything that was seen.
 *
 * A doubtful message and a new one under its identifier are told apart by their content, so tests should give each
 * message a payload of its own.
 */
export class OutgoingRules {
  readonly #open = new Map<number, OutgoingMessage>();
  readonly #doubtful = new Map<number, OutgoingMessage>();
  readonly #acknowledged = new Map<number, OutgoingMessage>();
  /** Content of the last message under each identifier whose acknowledgement is beyond doubt. */
  readonly #settled = new Map<number, string | undefined>();
  #connection: OutgoingConnection = newConnection(0);
  #order = 0;
  #receivedOrder = 0;
  /** The session is older than the checker: identifiers may be in use that were never seen. */
  #adopted = false;
  #known = false;

  /** CONNECT was sent. */
  connecting(connection: number): void {
    for (const [identifier, message] of this.#acknowledged) this.#doubtful.set(identifier, message);
    this.#acknowledged.clear();
    this.#connection = newConnection(connection);
  }

  /** CONNACK with success went out to the client. */
  connected(sessionPresent: boolean, limits: ServerLimits): void {
    this.#adopted = sessionPresent && (this.#adopted || !this.#known);
    this.#known = true;
    this.#connection.sessionPresent = sessionPresent;
    this.#connection.resending = sessionPresent;
    this.#connection.limits = limits;
    if (sessionPresent) return;
    // If this CONNACK is lost, the client resumes the old session with the next one.
    for (const [identifier, message] of this.#open) this.#doubtful.set(identifier, { ...message, sessionLost: true });
    this.#open.clear();
  }

  /** The session ended on both sides. */
  forget(): void {
    this.#open.clear();
    this.#doubtful.clear();
    this.#acknowledged.clear();
    this.#settled.clear();
    this.#adopted = false;
    this.#known = true;
  }

  /** The client lost its state, the broker did not: whatever identifiers it may hold are unknown from now on. */
  clientStateLost(): void {
    this.forget();
    this.#known = false;
  }

  publish(packet: IPublishPacket, topic: string, report: Report): void {
    if (packet.qos === 0) {
      if (packet.dup) report.violation('dup-on-qos0', `PUBLISH to ${topic} with QoS 0 and DUP = 1`);
      return;
    }
    const identifier = packet.messageId ?? 0;
    if (!this.#identifierUsable(identifier, `PUBLISH to ${topic}`, report)) return;
    const digest = contentDigest(packet, topic);
    const connection = this.#connection;
    const doubtful = connection.resending ? this.#doubtful.get(identifier) : undefined;
    let held = this.#open.get(identifier);
    if (held !== undefined && held.digest === undefined && held.sentOn !== connection.number) {
      // A PUBREL that was to clear the identifier, and the connection ended before its PUBCOMP. No message went with it
      // (the one that it was for may have been given up meanwhile), so there is nothing to be confused with.
      this.#open.delete(identifier);
      held = undefined;
    }
    if (held) {
      this.#publishHeld(held, packet, topic, digest, report);
    } else if (doubtful && packet.dup && doubtful.digest === digest) {
      if (doubtful.sessionLost) doubtful.state = 'published';
      this.#reopen(doubtful, report);
      this.#publishHeld(doubtful, packet, topic, digest, report);
    } else {
      this.#publishNew(identifier, packet, topic, digest, report);
    }
    connection.window.add(identifier);
    if (connection.window.size > connection.limits.receiveMaximum) {
      const sizes = `${connection.window.size} unacknowledged PUBLISH, the broker takes ${connection.limits.receiveMaximum}`;
      report.violation('receive-maximum', `PUBLISH ${identifier}: ${sizes}`);
    }
  }

  pubrel(identifier: number, report: Report): void {
    if (identifier === 0) {
      report.violation('identifier-zero', 'PUBREL without packet identifier');
      return;
    }
    const connection = this.#connection;
    let message = this.#open.get(identifier);
    if (!message) {
      if (connection.pubrelsExtra.delete(identifier)) return;
      const doubtful = connection.resending ? this.#doubtful.get(identifier) : undefined;
      if (doubtful && doubtful.state !== 'published') {
        message = this.#reopen(doubtful, report);
      } else if (this.#adopted) {
        report.note('pubrel-clears-identifier', `PUBREL ${identifier}`);
        this.#open.set(identifier, { ...unseen(identifier), sentOn: connection.number });
        return;
      } else {
        report.violation('pubrel-without-pubrec', `PUBREL ${identifier}: no such QoS 2 message is open`);
        return;
      }
    }
    switch (message.state) {
      case 'published':
        report.violation('pubrel-without-pubrec', `PUBREL ${identifier}: no PUBREC came in for it`);
        break;
      case 'received':
        if (message.receivedOn === connection.number) this.#takeDuePubrel(identifier, report);
        else this.#checkPubrelOrder(message, report);
        break;
      case 'released':
        if (message.sentOn !== connection.number) this.#checkPubrelOrder(message, report);
        else if (!connection.pubrelsExtra.delete(identifier)) {
          report.violation('resend-on-live-connection', `PUBREL ${identifier} sent twice on one connection`);
        }
        break;
    }
    message.state = 'released';
    message.sentOn = connection.number;
  }

  /** SUBSCRIBE or UNSUBSCRIBE. */
  request(identifier: number, cmd: string, report: Report): void {
    if (!this.#identifierUsable(identifier, cmd, report)) return;
    if (this.#open.has(identifier)) {
      report.violation('identifier-in-use', `${cmd} with identifier ${identifier}, in use by a PUBLISH`);
    }
    this.#connection.requests.add(identifier);
  }

  requestAcknowledged(identifier: number): void {
    this.#connection.requests.delete(identifier);
  }

  puback(identifier: number, report: Report): void {
    const message = this.#open.get(identifier);
    if (message?.qos === 1) this.#acknowledge(message);
    else report.note('unexpected-from-broker', `PUBACK ${identifier}`);
  }

  pubrec(identifier: number, reason: number, report: Report): void {
    const connection = this.#connection;
    const message = this.#open.get(identifier);
    if (message?.qos !== 2) {
      report.note('unexpected-from-broker', `PUBREC ${identifier}`);
      connection.pubrelsExtra.add(identifier);
    } else if (reason >= 0x80) {
      this.#acknowledge(message);
    } else if (message.state === 'released') {
      connection.pubrelsExtra.add(identifier);
    } else if (message.state === 'published' || message.receivedOn !== connection.number) {
      message.state = 'received';
      message.receivedOn = connection.number;
      message.receivedOrder = ++this.#receivedOrder;
      connection.pubrelsDue.push(identifier);
    }
  }

  pubcomp(identifier: number, report: Report): void {
    const message = this.#open.get(identifier);
    if (message?.state === 'released') this.#acknowledge(message);
    else if (!this.#connection.pubrelsExtra.has(identifier)) {
      report.note('unexpected-from-broker', `PUBCOMP ${identifier}`);
    }
  }

  /** Identifiers in use, in the order of their first send. */
  open(): number[] {
    return [...this.#open.values()].sort((a, b) => a.order - b.order).map((message) => message.identifier);
  }

  /** Reports a re-send that is still missing on the current connection. For the moment when the connection is idle. */
  checkComplete(report: Report): void {
    const connection = this.#connection;
    if (!connection.sessionPresent || !connection.resending) return;
    // What the broker does not take (5.0 3.2.2-11, -14, -15) must not be sent; a PUBREL always may.
    const due = (message: OutgoingMessage) =>
      message.digest !== undefined && (message.state === 'released' || connection.limits.allow(message));
    const missing = [...this.#open.values()].filter((message) => message.sentOn !== connection.number && due(message));
    if (missing.length === 0) return;
    const list = missing.slice(0, 10).map((message) => `${message.identifier} (${message.state})`);
    const more = missing.length > 10 ? ` and ${missing.length - 10} more` : '';
    report.violation('resend-incomplete', `not re-sent although the session is present: ${list.join(', ')}${more}`);
    // Reported once, not with every message that follows.
    for (const message of missing) message.sentOn = connection.number;
  }

  #identifierUsable(identifier: number, what: string, report: Report): boolean {
    if (identifier === 0) {
      report.violation('identifier-zero', `${what} without packet identifier`);
      return false;
    }
    if (this.#connection.requests.has(identifier)) {
      report.violation('identifier-in-use', `${what} with identifier ${identifier}, in use by a SUBSCRIBE`);
      return false;
    }
    return true;
  }

  #publishHeld(held: OutgoingMessage, packet: IPublishPacket, topic: string, digest: string, report: Report): void {
    const connection = this.#connection;
    const what = `PUBLISH ${held.identifier} to ${topic}`;
    if (held.digest !== digest) {
      const resend = packet.dup && held.publishedOn !== connection.number;
      const before = held.digest === undefined ? 'a message not seen before' : `a message to ${held.topic}`;
      report.violation(
        resend ? 'resend-changed' : 'identifier-in-use',
        `${what}: the identifier is in use by ${before} with other content, QoS or RETAIN`,
      );
      this.#open.delete(held.identifier);
      this.#add(held.identifier, packet, topic, digest);
      return;
    }
    if (held.state === 'released') {
      report.violation('publish-after-pubrel', `${what}: its PUBREL was sent and no PUBCOMP came in`);
      return;
    }
    if (held.publishedOn === connection.number) {
      report.violation('resend-on-live-connection', `${what} sent twice on one connection`);
      return;
    }
    if (!packet.dup) report.violation('resend-without-dup', `${what} re-sent with DUP = 0`);
    if (held.order < connection.lastPublishResent) {
      report.violation('resend-order', `${what} re-sent after a message that was first sent later`);
    }
    connection.lastPublishResent = Math.max(connection.lastPublishResent, held.order);
    held.publishedOn = connection.number;
    held.sentOn = connection.number;
    held.state = 'published';
  }

  #publishNew(identifier: number, packet: IPublishPacket, topic: string, digest: string, report: Report): void {
    const connection = this.#connection;
    const what = `PUBLISH ${identifier} to ${topic}`;
    this.checkComplete(report);
    if (!packet.dup) {
      connection.resending = false;
      this.#endDoubt();
    } else if (!connection.sessionPresent) {
      report.violation('dup-without-session', `${what} with DUP = 1, but the broker has no session`);
    } else if (!connection.resending) {
      report.violation('dup-on-first-send', `${what} with DUP = 1, never sent before`);
    } else if (this.#settled.get(identifier) === digest) {
      report.violation(
        'resend-of-acknowledged',
        `${what}: acknowledged before, and the client went on to new messages`,
      );
    } else {
      report.note('first-send-with-dup', what);
      this.#doubtful.delete(identifier);
    }
    const message = this.#add(identifier, packet, topic, digest);
    if (packet.dup) connection.lastPublishResent = message.order;
  }

  #endDoubt(): void {
    for (const [identifier, message] of this.#doubtful) {
      if (!message.sessionLost) this.#settled.set(identifier, message.digest);
    }
    this.#doubtful.clear();
  }

  #add(identifier: number, packet: IPublishPacket, topic: string, digest: string): OutgoingMessage {
    const message: OutgoingMessage = {
      identifier,
      qos: packet.qos === 2 ? 2 : 1,
      digest,
      topic,
      retain: packet.retain,
      bytes: wireLength(packet),
      order: ++this.#order,
      state: 'published',
      publishedOn: this.#connection.number,
      sentOn: this.#connection.number,
      receivedOn: -1,
      receivedOrder: -1,
      sessionLost: false,
    };
    this.#open.set(identifier, message);
    return message;
  }

  #reopen(message: OutgoingMessage, report: Report): OutgoingMessage {
    report.note('resend-after-acknowledgement', `identifier ${message.identifier}, a message to ${message.topic}`);
    this.#doubtful.delete(message.identifier);
    message.sessionLost = false;
    this.#open.set(message.identifier, message);
    return message;
  }

  #acknowledge(message: OutgoingMessage): void {
    this.#open.delete(message.identifier);
    this.#acknowledged.set(message.identifier, message);
    this.#connection.window.delete(message.identifier);
  }

  #takeDuePubrel(identifier: number, report: Report): void {
    const due = this.#connection.pubrelsDue;
    const index = due.indexOf(identifier);
    if (index === 0) {
      due.shift();
      return;
    }
    report.violation('pubrel-order', `PUBREL ${identifier} before that of ${due.slice(0, index).join(', ')}`);
    due.splice(index, 1);
  }

  /** Re-sent PUBRELs: in PUBREC order, and either before all PUBLISH or at their place among them. */
  #checkPubrelOrder(message: OutgoingMessage, report: Report): void {
    const connection = this.#connection;
    if (message.digest === undefined) return;
    if (message.receivedOrder < connection.lastPubrelResent) {
      report.violation('pubrel-order', `PUBREL ${message.identifier} re-sent after one whose PUBREC came in later`);
    } else if (connection.lastPublishResent > message.order) {
      report.violation(
        'resend-order',
        `PUBREL ${message.identifier} re-sent after a PUBLISH that was first sent later than its own`,
      );
    }
    connection.lastPubrelResent = Math.max(connection.lastPubrelResent, message.receivedOrder);
  }
}
