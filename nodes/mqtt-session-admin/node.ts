import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow } from 'node-red';
import { errorCode, SessionError } from '../../src/errors';
import type { Broker } from '../mqtt-persistent-broker/broker';
import { brokerOf } from '../mqtt-persistent-broker/node';
import { textOf } from '../shared/config-values';
import { performConnectionAction } from '../shared/connection-actions';
import { quietErrors } from '../shared/quiet-errors';
import { runtimeTexts } from '../shared/texts';
import { adminAction } from './actions';
import { registerAdminEndpoints } from './http-endpoints';
import { warnOfOrphanedSessions } from './orphaned-sessions';
import { clientIdProperty } from './properties';

export const ADMIN_TYPE = 'mqtt-session-admin';

export function registerAdmin(RED: NodeAPI): void {
  const translate = runtimeTexts(RED._);

  function createAdmin(this: Node, definition: NodeDef): void {
    RED.nodes.createNode(this, definition);
    quietErrors(this, translate);
    const config: Record<string, unknown> = { ...definition };
    const broker = brokerOf(RED, config.broker);
    const missing = new SessionError('ERR_CONFIGURATION', RED._('node-red:mqtt.errors.missing-config'));
    if (broker === undefined) this.error(missing);

    const perform = async (msg: NodeMessageInFlow, send: (msg: NodeMessage) => void): Promise<void> => {
      const properties = msg as Readonly<Record<string, unknown>>;
      // The node's own setting wins, as in core's MQTT nodes; left empty, the message says what to do.
      const action = textOf(config.action) ?? textOf(properties.action) ?? '';
      let clientId = textOf(config.clientId);
      try {
        if (broker === undefined) throw missing;
        clientId ??= clientIdProperty(properties, 'clientId');
        const { perform } = adminAction(action, (known) => translate('errors.unknown-action', { action, known }));
        const context = await broker.adminContext();
        const isNamed = clientId !== undefined;
        clientId ??= broker.clientId;
        if (clientId === undefined) clientId = (await broker.ready()).clientId;
        const answer = isOwnConnect(action, clientId, broker)
          ? await connectOwn(broker, properties)
          : await perform({ context, clientId, isNamed, properties });
        msg.payload = { code: 0, action, clientId, ...answer };
        send(msg);
      } catch (error) {
        const { message } = error as Error;
        msg.payload = { code: -1, action, clientId, error: { code: errorCode(error) ?? 'ERR_UNKNOWN', message } };
        send(msg);
        throw error;
      }
    };

    this.on('input', (msg, send, done) => {
      perform(msg, send).then(() => done(), done);
    });
  }

  RED.nodes.registerType(ADMIN_TYPE, createAdmin);
  registerAdminEndpoints(RED);
  warnOfOrphanedSessions(RED, translate);
}

/** Only the node's own broker can be connected with other settings (`msg.broker`), as by core's MQTT nodes. */
function isOwnConnect(action: string, clientId: string, broker: Broker): boolean {
  return action === 'connect' && clientId === broker.clientId;
}

async function connectOwn(broker: Broker, msg: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
  await performConnectionAction('connect', broker, msg);
  return {};
}
