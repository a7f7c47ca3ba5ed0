import type { Broker } from '../mqtt-persistent-broker/broker';
import { isRecord } from './config-values';

/** The actions `connect` and `disconnect`, which in, out and admin nodes understand. */
export type ConnectionAction = 'connect' | 'disconnect';

export function isConnectionAction(action: unknown): action is ConnectionAction {
  return action === 'connect' || action === 'disconnect';
}

/** Carries it out. @throws as `Broker.connect`. */
export function performConnectionAction(
  action: ConnectionAction,
  broker: Broker,
  msg: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (action === 'disconnect') return broker.disconnect();
  return broker.connect(isRecord(msg.broker) ? msg.broker : undefined);
}
