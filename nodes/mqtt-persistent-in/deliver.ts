import type { Node, NodeMessage } from 'node-red';
import type { MessageHandler } from '../../src/client/router';
import type { Datatype } from '../shared/payload';
import { type InboundMsg, inboundMsg } from '../shared/received-message';
import { handedOver } from './handed-over';

/** Makes the handlers that give received messages to the flow behind an in node, decoded as `datatype`. */
export function deliverTo(
  node: Node,
  broker: { readonly isLocal: boolean },
  translate: (key: string) => string,
): (datatype: Datatype) => MessageHandler {
  return (datatype) => (received) => {
    const result = inboundMsg(received, datatype, broker.isLocal);
    const msg = result.msg as InboundMsg & NodeMessage;
    try {
      if ('problem' in result) node.error(translate(`node-red:mqtt.errors.${result.problem}`), msg);
      else node.send(msg);
      return handedOver();
    } catch (error) {
      // With synchronous delivery a node behind this one may throw; the message is the flow's all the same.
      node.error(error, msg);
      return undefined;
    }
  };
}
