import type { Node } from 'node-red';
import type { AcknowledgementMode, MessageHandler } from '../../src/client/router';
import { assertTopicFilter } from '../../src/client/topics';
import { SessionError } from '../../src/errors';
import { isSharedFilter } from '../../src/session/topics';
import type { Broker } from '../mqtt-persistent-broker/broker';
import type { SessionUser } from '../mqtt-persistent-broker/session-users';
import { booleanOf, qosOf } from '../shared/config-values';
import { retainHandlingOf } from '../shared/subscribe-action';

/**
 * The subscription of an in node with a fixed topic.
 * @throws SessionError `ERR_FILTER`.
 */
export function staticSubscriber(
  node: Node,
  broker: Broker,
  config: Readonly<Record<string, unknown>>,
  handler: MessageHandler,
  acknowledge: AcknowledgementMode,
): SessionUser {
  const filter = config.topic;
  assertTopicFilter(filter);
  const version5 = broker.protocolVersion === 5;
  const request = {
    filter,
    qos: qosOf(config.qos) ?? 2,
    noLocal: version5 && booleanOf(config.nl, false),
    retainAsPublished: version5 && booleanOf(config.rap, false),
    retainHandling: version5 ? retainHandlingOf(config.rh) : 0,
  } as const;
  if (request.noLocal && isSharedFilter(filter)) {
    throw new SessionError('ERR_FILTER', `The shared subscription ${filter} cannot have No Local (MQTT-3.8.3-4).`);
  }
  return {
    node,
    attach: (client) => client.subscribe(node.id, request, handler, { acknowledge }),
    restore: (client) => {
      // The node subscribed at run time before it was changed.
      for (const { subscription } of client.remembered(node.id)) {
        if (subscription.filter !== filter) client.unsubscribe(node.id, subscription.filter);
      }
    },
  };
}
