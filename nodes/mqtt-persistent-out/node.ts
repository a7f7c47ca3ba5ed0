import type { Node, NodeAPI, NodeDef, NodeMessageInFlow } from 'node-red';
import { SessionError } from '../../src/errors';
import type { Broker } from '../mqtt-persistent-broker/broker';
import { brokerOf } from '../mqtt-persistent-broker/node';
import type { SessionUser } from '../mqtt-persistent-broker/session-users';
import { isConnectionAction, performConnectionAction } from '../shared/connection-actions';
import { markPublished, prepareMessage, publishSettings } from '../shared/publish-message';
import { quietErrors } from '../shared/quiet-errors';
import { runtimeTexts } from '../shared/texts';

export const OUT_TYPE = 'mqtt-persistent-out';

type Done = (error?: Error) => void;

export function registerOut(RED: NodeAPI): void {
  const translate = runtimeTexts(RED._);

  function createOut(this: Node, definition: NodeDef): void {
    RED.nodes.createNode(this, definition);
    quietErrors(this, translate);
    const config: Record<string, unknown> = { ...definition };
    const found = brokerOf(RED, config.broker);
    if (found === undefined) {
      const missing = new SessionError('ERR_CONFIGURATION', RED._('node-red:mqtt.errors.missing-config'));
      this.error(missing);
      this.on('input', (_msg, _send, done) => done(missing));
      return;
    }
    const broker: Broker = found;
    const settings = publishSettings(config);
    const until = config.complete === 'acknowledged' ? 'acknowledged' : 'stored';
    let warned = false;

    const publish = (msg: NodeMessageInFlow, done: Done): void => {
      const prepared = prepareMessage(msg, settings, broker.protocolVersion);
      markPublished(msg, settings, prepared, broker.protocolVersion);
      if (prepared === undefined) {
        done();
        return;
      }
      if (prepared.message.qos === 2 && broker.isClean && !warned) {
        warned = true;
        this.warn(translate('warnings.clean-session'));
      }
      if (prepared.topicAlias !== undefined)
        broker.configuration.topicAliases.wish(prepared.message.topic, prepared.topicAlias);
      broker.publish(prepared.message, { node: this.id, messageId: msg._msgid }, until, done);
    };

    const user: SessionUser = { node: this };
    broker.register(user);

    this.on('input', (msg, _send, done: Done) => {
      try {
        if (!msg.action) publish(msg, done);
        else if (isConnectionAction(msg.action))
          performConnectionAction(msg.action, broker, msg).then(() => done(), done);
        else done(new SessionError('ERR_ACTION', translate('errors.invalid-action')));
      } catch (error) {
        done(error as Error);
      }
    });
    this.on('close', () => broker.deregister(user));
  }

  RED.nodes.registerType(OUT_TYPE, createOut);
}
