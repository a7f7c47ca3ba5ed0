import {
  connectSession,
  deleteSession,
  describeSession,
  disconnectSession,
  listSessions,
  saveSession,
  sessionExists,
  sessionStatistics,
} from '../../src/admin/actions';
import type { AdminContext } from '../../src/admin/context';
import { SessionError } from '../../src/errors';
import type { Broker } from '../mqtt-persistent-broker/broker';
import { performConnectionAction } from '../shared/connection-actions';
import type { Translate } from '../shared/texts';

export interface AdminRequest {
  context: AdminContext;
  /** Of the node. */
  broker: Broker;
  clientId: string;
  msg: Readonly<Record<string, unknown>>;
}

/** Carries an action out; answers with what goes into the payload besides code, action and client id. */
type AdminAction = (request: AdminRequest) => Promise<Record<string, unknown>>;

const ACTIONS: Readonly<Record<string, AdminAction>> = {
  save: async ({ context, clientId }) => {
    await saveSession(context, clientId);
    return {};
  },
  exists: async ({ context, clientId }) => ({ exists: await sessionExists(context, clientId) }),
  info: async ({ context, clientId }) => ({ info: await describeSession(context, clientId) }),
  list: async ({ context }) => ({ sessions: await listSessions(context) }),
  delete: async ({ context, clientId, msg }) => {
    await deleteSession(context, clientId, { clearAtBroker: msg.clearAtBroker === true });
    return {};
  },
  stats: async ({ context, clientId }) => ({ stats: sessionStatistics(context, clientId) }),
  connect: async ({ broker, clientId, context, msg }) => {
    if (clientId === broker.clientId) await performConnectionAction('connect', broker, msg);
    else await connectSession(context, clientId);
    return {};
  },
  disconnect: async ({ context, clientId }) => {
    await disconnectSession(context, clientId);
    return {};
  },
};

/** @throws SessionError `ERR_ACTION` for an unknown one. */
export function adminAction(name: string, translate: Translate): AdminAction {
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action !== undefined) return action;
  const known = Object.keys(ACTIONS).join(', ');
  throw new SessionError('ERR_ACTION', translate('errors.unknown-action', { action: name, known }));
}
