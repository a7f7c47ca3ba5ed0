import type { Effect } from './effects';
import type { Inbound } from './inbound';
import type { Outbound } from './outbound';
import { MESSAGE_IDENTIFIERS } from './packet-identifiers';
import type { ConnectionLimits } from './packets';
import type { RecordLog } from './record-log';
import { RecordKind } from './records';
import type { Subscriptions } from './subscriptions';

export interface ConnectedTo {
  /** Address of the broker, without credentials: protocol state belongs to one broker. */
  address: string;
  limits: ConnectionLimits;
}

/** Whose state it is that a loss or an adoption concerns. */
interface SessionParts {
  outbound: Outbound;
  inbound: Inbound;
  subscriptions: Subscriptions;
}

/** Whether the broker's session and ours are still one, and what follows when they are not. */
export class Continuity {
  #broker: string;

  constructor(
    broker: string,
    private readonly parts: SessionParts,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
    private readonly onSessionLost: 'republish' | 'discard',
  ) {
    this.#broker = broker;
  }

  /** Address of the broker that the protocol state belongs to; empty: none yet. */
  get broker(): string {
    return this.#broker;
  }

  /** CONNACK with success; before anything is sent. */
  connected({ address, limits }: ConnectedTo, now: number): void {
    const known = this.#broker !== '';
    const sameBroker = this.#broker === address;
    const lost = limits.cleanStart || limits.sessionPresent === false || (known && !sameBroker);
    if (lost) this.#sessionLost(limits.cleanStart ? 'republish' : this.onSessionLost, now);
    if (known && !sameBroker) this.parts.outbound.forgetBroker();
    if (!sameBroker) this.log.append({ kind: RecordKind.Broker, address });
    // 3.2.2-4 (5.0) would have us close: but what the broker still queues for this client id is not thrown away.
    // A 3.1 broker does not say; it may hold one just as well.
    if (limits.sessionPresent !== false && !limits.cleanStart && !sameBroker) {
      this.#adopt(0);
      this.effects.push({ type: 'report', report: { kind: 'session-adopted' } });
    }
    this.#broker = address;
  }

  /** See `Session.expire`. */
  expire(now: number): void {
    if (this.#broker === '') return;
    this.#sessionLost(this.onSessionLost, now);
    this.parts.subscriptions.expire();
    this.#broker = '';
    this.log.append({ kind: RecordKind.Broker, address: '' });
  }

  /** See `Session.distrustIdentifiers`. */
  distrustIdentifiers(): void {
    // A stored message keeps its identifier: what the broker may hold under it is the same message.
    this.#adopt(this.log.sequence);
    this.parts.inbound.forgetReceived();
  }

  #sessionLost(policy: 'republish' | 'discard', now: number): void {
    const { outbound, inbound, subscriptions } = this.parts;
    const record = this.log.append({ kind: RecordKind.SessionLost });
    inbound.sessionLost();
    subscriptions.sessionLost(record);
    const counts = outbound.sessionLost(policy, record, now);
    if (counts.requeued + counts.discarded > 0) {
      this.effects.push({ type: 'report', report: { kind: 'session-lost', ...counts } });
    }
  }

  /** Messages above `from` are concerned. */
  #adopt(from: number): void {
    const until = this.log.sequence + MESSAGE_IDENTIFIERS;
    this.log.append({ kind: RecordKind.Adopted, until });
    this.parts.outbound.adopt(from, until);
  }
}
