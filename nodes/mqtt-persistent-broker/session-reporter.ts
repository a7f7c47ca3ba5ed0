import { isUtf8 } from 'node:buffer';
import type { Node, NodeAPI, NodeMessage } from 'node-red';
import { RecentErrors } from '../../src/admin/recent-errors';
import type { AbandonedReport, UnacknowledgedReport } from '../../src/client/manual-acknowledgements';
import type { DiscardedMessage, SessionClient } from '../../src/client/session-client';
import { reasonCodeName } from '../../src/connection/reason-codes';
import type { ConnectionEnd } from '../../src/connection/types';
import { errorCode, SessionError } from '../../src/errors';
import type { Report } from '../../src/session/effects';
import type { Subscription } from '../../src/session/state';
import { reasonText } from '../shared/error-sentence';
import { RepeatLimit } from '../shared/repeat-limit';
import type { Translate } from '../shared/texts';

/**
 * Turns what a session and its connection tell into log lines and errors for Catch nodes. The same failure is logged once
 * a minute; a failure to connect reaches Catch nodes once, until there was a connection or the reason changes.
 */
export class SessionReporter {
  readonly recentErrors = new RecentErrors();
  readonly #limit: RepeatLimit;
  #reportedFailure: string | undefined;

  constructor(
    private readonly RED: NodeAPI,
    private readonly node: Node,
    private readonly translate: Translate,
  ) {
    this.#limit = new RepeatLimit((text, count) => node.warn(translate('repeated', { text, count })));
  }

  /** `address`: of the broker, with client id and without credentials. */
  attach(client: SessionClient, address: string): void {
    client.on('connected', () => this.#connected(address));
    client.on('disconnected', (end, wasUp) => this.#disconnected(end, wasUp, address));
    client.on('discarded', (discarded) => this.#discarded(discarded));
    client.on('subscription', (subscription) => this.#subscriptionAnswered(subscription));
    client.on('unacknowledged', (report) => this.#unacknowledged(report));
    client.on('abandoned', (report) => this.#abandoned(report));
    client.on('report', (report) => this.#report(report, address));
    client.on('notice', ({ level, text }) => this.#log(level, text));
    client.on('storeError', (error) => this.failed(error));
    client.on('callbackError', (error) => this.failed(error));
    client.on('storeRecovered', () => this.node.log(this.translate('log.store-recovered')));
  }

  /** Something keeps the session from working: to the Catch nodes of all that use it, and into the log. */
  failed(error: Error, msg: NodeMessage = {}): void {
    this.recentErrors.add(error);
    this.node.error(error, msg);
  }

  /** More messages than these wait for their acknowledgement. */
  tooManyPending(count: number): void {
    this.#warnLimited('pending', this.translate('log.too-many-pending', { count }));
  }

  close(): void {
    this.#limit.close();
  }

  #connected(address: string): void {
    this.#reportedFailure = undefined;
    this.node.log(this.RED._('node-red:mqtt.state.connected', { broker: address }));
  }

  #disconnected(end: ConnectionEnd, wasUp: boolean, address: string): void {
    if (wasUp) this.#ended(end, address);
    if (end.kind === 'ended' || end.error === undefined) return;
    if (wasUp && end.kind !== 'server-disconnect') {
      this.recentErrors.add(end.error);
      return;
    }
    const key = `${errorCode(end.error)} ${end.reasonCode ?? end.error.message}`;
    if (key === this.#reportedFailure) {
      this.recentErrors.add(end.error);
      if (this.#limit.admit(key)) this.node.log(end.error.message);
      else this.#limit.count(key, end.error.message);
      return;
    }
    this.#reportedFailure = key;
    this.#limit.admit(key);
    this.failed(end.error);
  }

  /** With Node-RED's own keys, and why. */
  #ended(end: ConnectionEnd, broker: string): void {
    const { kind, reasonCode = 0, reasonString = '' } = end;
    if (kind === 'server-disconnect') {
      const details = { broker, reasonCode: String(reasonCode), reasonString };
      this.node.log(this.RED._('node-red:mqtt.state.broker-disconnected', details));
    } else {
      this.node.log(`${this.RED._('node-red:mqtt.state.disconnected', { broker })} (${this.#reason(end)})`);
    }
  }

  #reason({ kind, reasonString, error }: ConnectionEnd): string {
    if (kind === 'ended') return reasonString ?? this.translate('log.on-request');
    return error?.message ?? kind;
  }

  /** Nobody waits for it any more: raised where the message was queued, or at the nodes of this session. */
  #discarded({ message, error, observed }: DiscardedMessage): void {
    this.recentErrors.add(error);
    if (observed) return;
    const { topic, qos, retain, origin } = message;
    const payload = isUtf8(message.payload) ? message.payload.toString() : message.payload;
    const msg: NodeMessage = { topic, payload, qos, retain };
    if (origin !== undefined) msg._msgid = origin.messageId;
    const node = origin === undefined ? undefined : (this.RED.nodes.getNode(origin.node) as Node | null | undefined);
    (node ?? this.node).error(error, msg);
  }

  #subscriptionAnswered({ filter, refusedWith }: Subscription): void {
    if (refusedWith === undefined) return;
    const reason = reasonText(refusedWith, this.translate) ?? reasonCodeName('suback', refusedWith);
    const text = this.translate('errors.subscription-refused', { topic: filter, reason });
    this.failed(new SessionError('ERR_SUBSCRIPTION_REFUSED', text, { details: { filter, reasonCode: refusedWith } }), {
      topic: filter,
    });
  }

  /** At the node that received it; comes once a minute at most. */
  #unacknowledged({ count, topic, subscriber, isSubscriberGone, waitingMs }: UnacknowledgedReport): void {
    const key = isSubscriberGone ? 'log.unacknowledged-gone' : 'log.unacknowledged';
    const node = this.RED.nodes.getNode(subscriber) as Node | null | undefined;
    const seconds = Math.round(waitingMs / 1000);
    (node ?? this.node).warn(this.translate(key, { count, seconds, topic, node: subscriber }));
  }

  #abandoned({ count, topic, subscriber }: AbandonedReport): void {
    this.node.warn(this.translate('log.abandoned', { count, topic, node: subscriber }));
  }

  #report(report: Report, address: string): void {
    switch (report.kind) {
      case 'inbound-full':
        this.#warnLimited(report.kind, this.translate('log.inbound-full', { ...report }));
        return;
      case 'session-lost':
        this.node.warn(this.translate('log.session-lost', { ...report, broker: address }));
        return;
      case 'session-adopted':
        this.node.log(this.translate('log.session-adopted', { broker: address }));
        return;
      case 'session-cleared':
        this.node.warn(this.translate('log.session-cleared', { broker: address }));
        return;
      case 'session-expired':
        this.node.warn(this.translate('log.session-expired', { seconds: report.expiryInterval }));
        return;
      case 'dropped-oldest':
        this.#warnLimited(report.kind, this.translate('log.dropped-oldest', { count: report.count }));
        return;
      case 'quality-lowered':
        this.#warnLimited(report.kind, this.translate('log.quality-lowered', { from: report.from, to: report.to }));
        return;
      default:
        this.node.debug(JSON.stringify(report));
    }
  }

  #warnLimited(key: string, text: string): void {
    if (this.#limit.admit(key)) this.node.warn(text);
    else this.#limit.count(key, text);
  }

  #log(level: 'info' | 'warn' | 'error', text: string): void {
    if (level === 'info') this.node.log(text);
    else if (level === 'warn') this.node.warn(text);
    else this.node.error(text);
  }
}
