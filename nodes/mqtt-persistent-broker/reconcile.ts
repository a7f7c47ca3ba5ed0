import { rememberedUsers } from '../../src/client/remembered-users';
import type { SessionClient } from '../../src/client/session-client';
import type { Subscription } from '../../src/session/state';
import type { FlowFileNode } from '../shared/flow-lifecycle';

export type SubscriptionFate = 'keep' | 'deactivate' | 'remove';

/** In nodes of one broker node, as the flow file has them, running or not. */
export interface FlowFileSubscribers {
  /** Filters of static in nodes. */
  filters: ReadonlySet<string>;
  /** Ids of in nodes; those inside a subflow have one for each of its instances, which ends in this id. */
  ids: ReadonlySet<string>;
  /** Ids of all nodes, instances of subflows among them. */
  nodes: ReadonlySet<string>;
  /** An in node takes its filter from an environment variable, so that it cannot be told from here. */
  hasUnknownFilter: boolean;
}

export const IN_TYPE = 'mqtt-persistent-in';

export function flowFileSubscribers(nodes: readonly FlowFileNode[], brokerId: string): FlowFileSubscribers {
  const filters = new Set<string>();
  const ids = new Set<string>();
  let hasUnknownFilter = false;
  for (const node of nodes) {
    if (node.type !== IN_TYPE || !refersTo(node.broker, brokerId)) continue;
    ids.add(node.id);
    if (typeof node.topic !== 'string' || Number(node.inputs) === 1) continue;
    if (isVariable(node.topic)) hasUnknownFilter = true;
    else filters.add(node.topic);
  }
  return { filters, ids, nodes: new Set(nodes.map(({ id }) => id)), hasUnknownFilter };
}

/**
 * What becomes of a subscription without a running subscriber. One whose node is in the flow file, disabled, is kept in
 * the session and taken back at the broker until the node returns. What is gone from the flow file is removed.
 */
export function subscriptionFate(
  subscription: Subscription,
  present: FlowFileSubscribers,
  autoUnsubscribe: boolean,
): SubscriptionFate {
  const remembered = [...rememberedUsers(subscription).keys()].some((id) => isPresent(id, present));
  if (remembered || present.filters.has(subscription.filter) || present.hasUnknownFilter) return 'deactivate';
  return autoUnsubscribe ? 'remove' : 'keep';
}

/**
 * All nodes are there: the session's subscriptions are brought in line with them, and what was held for them is let
 * through. `users`: ids of those that use the session now.
 */
export function settleSubscriptions(
  client: SessionClient,
  present: FlowFileSubscribers,
  users: ReadonlySet<string>,
  autoUnsubscribe: boolean,
): void {
  for (const subscription of autoUnsubscribe ? client.subscriptions() : []) {
    for (const id of rememberedUsers(subscription).keys()) {
      if (!isPresent(id, present)) client.unsubscribe(id, subscription.filter);
    }
  }
  client.reconcile((subscription) => {
    const fate = subscriptionFate(subscription, present, autoUnsubscribe);
    // Without any user there will be no connection, and the session collects messages at the broker.
    return fate === 'deactivate' && users.size === 0 ? 'keep' : fate;
  });
  client.release((id) => !users.has(id) && isPresent(id, present));
}

/**
 * Whether a node is in the flow file. Of one inside a subflow, whose id is those of the instance and of the node in the
 * template, both must be; where subflows are nested, all of them.
 */
export function isPresent(id: string, present: FlowFileSubscribers): boolean {
  if (present.ids.has(id)) return true;
  for (let at = id.indexOf('-'); at >= 0; at = id.indexOf('-', at + 1)) {
    if (present.nodes.has(id.slice(0, at)) && isPresent(id.slice(at + 1), present)) return true;
  }
  return false;
}

/** Inside a subflow the broker may be a variable of the instance. */
function refersTo(broker: unknown, brokerId: string): boolean {
  return broker === brokerId || (typeof broker === 'string' && isVariable(broker));
}

function isVariable(value: string): boolean {
  return /\$(\{[^}]+\}|\([^)]+\))/.test(value);
}
