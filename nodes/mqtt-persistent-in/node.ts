import type { Node, NodeAPI, NodeDef } from 'node-red';
import { SessionError } from '../../src/errors';
import { brokerOf } from '../mqtt-persistent-broker/node';
import { numberOf, qosOf, textOf } from '../shared/config-values';
import { flowLifecycle } from '../shared/flow-lifecycle';
import { datatypeOf } from '../shared/payload';
import { quietErrors } from '../shared/quiet-errors';
import { runtimeTexts } from '../shared/texts';
import { deliverTo } from './deliver';
import { DynamicSubscriber } from './dynamic-subscriber';
import { staticSubscriber } from './static-subscriber';

export const IN_TYPE = 'mqtt-persistent-in';

export function registerIn(RED: NodeAPI): void {
  const translate = runtimeTexts(RED._);

  function createIn(this: Node, definition: NodeDef): void {
    RED.nodes.createNode(this, definition);
    quietErrors(this, translate);
    const config: Record<string, unknown> = { ...definition };
    const broker = brokerOf(RED, config.broker);
    const isDynamic = numberOf(config.inputs) === 1;
    // What other packages read from in nodes of Node-RED.
    const { topic, inputs } = config;
    const shown = { broker: config.broker, topic, qos: qosOf(config.qos) ?? 2, isDynamic, inputs };
    Object.assign(this, shown, { datatype: config.datatype || 'utf8' });
    if (broker === undefined) {
      const missing = new SessionError('ERR_CONFIGURATION', RED._('node-red:mqtt.errors.missing-config'));
      this.error(missing);
      if (isDynamic) this.on('input', (_msg, _send, done) => done(missing));
      return;
    }
    const handler = deliverTo(this, broker, RED._);
    // What Node-RED's own node does not know it detects, without parsing JSON.
    const datatype = datatypeOf(config.datatype) ?? (config.datatype ? 'auto' : 'utf8');
    const acknowledge = textOf(config.acknowledge) === 'manual' ? 'manual' : 'auto';
    try {
      const subscriber = isDynamic
        ? new DynamicSubscriber(this, broker, handler, datatype, acknowledge, RED._)
        : staticSubscriber(this, broker, config, handler(datatype), acknowledge);
      broker.register(subscriber);
      if (subscriber instanceof DynamicSubscriber) {
        this.on('input', (msg, send, done) => {
          subscriber.input(msg, send).then(() => done(), done);
        });
      }
      this.on('close', () => broker.deregister(subscriber));
    } catch (error) {
      reportWhenStarted(RED, this, error as Error, config.topic);
    }
  }

  RED.nodes.registerType(IN_TYPE, createIn);
}

/** An invalid filter. Catch nodes hear of it when they exist. */
function reportWhenStarted(RED: NodeAPI, node: Node, error: Error, topic: unknown): void {
  node.status({ fill: 'red', shape: 'ring', text: error.message });
  const end = flowLifecycle(RED.events).listen({
    stopping: () => undefined,
    started: () => {
      end();
      node.error(error, { topic: String(topic) });
    },
  });
  node.on('close', end);
}
