import type { SessionClient } from '../../src/client/session-client';
import { DrainMeter } from '../shared/drain-meter';
import { type SessionStatus, sessionStatus } from '../shared/status';
import type { Translate } from '../shared/texts';

/** What the status of a broker node's session follows from. */
export interface StatusSource {
  client(): SessionClient | undefined;
  /** Why there is no session, if something stands in the way. */
  failure(): Error | undefined;
  protocolVersion(): 3 | 4 | 5;
}

/** Tells the status as of now. To be asked again and again: it watches how the backlog becomes less. */
export function brokerStatus(source: StatusSource, translate: Translate): () => SessionStatus {
  const drain = new DrainMeter();
  return () => {
    const client = source.client();
    const { count: stored } = client?.stored ?? { count: 0 };
    const waiting = client?.connected ? stored - client.inflight : undefined;
    const facts = {
      state: client?.state,
      failure: source.failure(),
      stored,
      paused: client?.paused ?? false,
      draining: drain.observe(waiting, client?.statistics().messagesSent ?? 0, performance.now()),
      protocolVersion: source.protocolVersion(),
    };
    return sessionStatus(facts, translate);
  };
}
