import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow } from 'node-red';
import { errorCode, SessionError } from '../../src/errors';
import { brokerOf } from '../mqtt-persistent-broker/node';
import { textOf } from '../shared/config-values';
import { quietErrors } from '../shared/quiet-errors';
import { runtimeTexts } from '../shared/texts';
import { adminAction } from './actions';

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
      const action = textOf(config.action) ?? textOf(msg.action) ?? '';
      let clientId = textOf(config.clientId) ?? textOf(msg.clientId);
      try {
        if (broker === undefined) throw missing;
        const perform = adminAction(action, translate);
        const context = await broker.adminContext();
        clientId ??= broker.clientId;
        if (clientId === undefined) clientId = (await broker.ready()).clientId;
        const answer = await perform({ context, broker, clientId, msg });
        msg.payload = { code: 0, action, clientId, ...answer };
        send(msg);
      } catch (error) {
        const { message } = error as Error;
        msg.payload = { code: -1, action, clientId, error: { code: errorCode(error), message } };
        send(msg);
        throw error;
      }
    };

    this.on('input', (msg, send, done) => {
      perform(msg, send).then(() => done(), done);
    });
  }

  RED.nodes.registerType(ADMIN_TYPE, createAdmin);
}
