import { EventEmitter } from 'node:events';
import type { ConnackDetails, ConnectionEnd } from '../connection/types';
import type { SessionError } from '../errors';
import type { Report } from '../session/effects';
import type { Message, MessageOrigin } from '../session/message';
import type { ConnectionLimits } from '../session/packets';
import type { Subscription } from '../session/state';
import type { LinkState } from './link';
import type { AbandonedReport, UnacknowledgedReport } from './manual-acknowledgements';
import type { ReceivedMessage } from './router';
import { UserCalls } from './user-calls';

export type ClientState =
  /** Not opened, or closed. */
  | { kind: 'closed' }
  /** The session is being opened, or cannot be (`error`) and is tried again. */
  | { kind: 'opening'; error?: Error }
  /**
   * Open, with the state of the connection; `end` says why the last one ended. `contested`: another client seems to use
   * our client id.
   */
  | { kind: 'open'; link: LinkState; end?: ConnectionEnd; contested: boolean };

/** A message that was given up. `observed`: its publisher was told; otherwise nobody was waiting any more. */
export interface DiscardedMessage {
  message: Message & { sequence: number; origin?: MessageOrigin };
  error: SessionError;
  observed: boolean;
}

export interface SessionClientEvents {
  state: [ClientState];
  connected: [ConnectionLimits, ConnackDetails];
  /** A connection, or an attempt to make one (`wasUp` false), ended. */
  disconnected: [ConnectionEnd, boolean];
  discarded: [DiscardedMessage];
  /** A message was received, and is about to be handed to its subscribers. */
  message: [ReceivedMessage];
  /** The oldest message that its subscriber is to acknowledge has been waiting for a minute, or another one. */
  unacknowledged: [UnacknowledgedReport];
  /** Messages are acknowledged although their subscriber has not done so: it has gone for good. */
  abandoned: [AbandonedReport];
  subscription: [Subscription];
  report: [Report];
  /** What recovery found when the session was opened. */
  notice: [{ level: 'info' | 'warn' | 'error'; text: string }];
  /** The store cannot be opened, written or read. It is tried again; nothing stored is lost. */
  storeError: [Error];
  storeRecovered: [];
  /**
   * A message handler, an observer or a listener threw. The message counts as handled, and all others are called all the
   * same. Without a listener it becomes a warning of the process.
   */
  callbackError: [Error];
}

/** An emitter whose listeners cannot disturb it. */
export class ClientEmitter extends EventEmitter<SessionClientEvents> {
  protected readonly calls = new UserCalls((error) => this.#failed(error));

  /** As `emit`, but a listener that throws keeps neither the others nor the caller from going on. */
  protected tell<E extends keyof SessionClientEvents>(event: E, ...values: SessionClientEvents[E]): void {
    for (const listener of this.rawListeners(event)) this.calls.run(() => Reflect.apply(listener, this, values));
  }

  #failed(error: Error): void {
    try {
      if (this.emit('callbackError', error)) return;
    } catch (cause) {
      process.emitWarning(cause as Error);
    }
    process.emitWarning(error);
  }
}
