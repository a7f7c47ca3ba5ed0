/** An entry of a flow file: a node, a config node, a tab, a group or a subflow. */
export interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

export type Direction = 'to-persistent' | 'to-core';

export interface NodeSummary {
  id: string;
  type: string;
  /** Name, label, topic or address: what a user knows it by; the id when there is nothing else. */
  label: string;
  /** The tab or subflow it is on; undefined for a global config node. */
  z: string | undefined;
}

/**
 * What a user should know about a changed node.
 *
 * `certificates`: its broker's certificate was not verified, and is from now on.
 * `client-id-new`: a client id was made for it; a flow that runs on several machines needs one for each.
 * `client-id-shared`: other broker nodes have the same client id, which is refused at deploy.
 * `client-id-needed`: without a client id Node-RED's own node uses a clean session.
 * `session-expiry`: without a session expiry an MQTT 5 broker forgets the session of Node-RED's own node at once.
 * `fields-lost`: settings that Node-RED's own node does not have.
 */
export type Warning =
  | { code: 'certificates' }
  | { code: 'client-id-new'; clientId: string }
  | { code: 'client-id-shared'; clientId: string; others: string[] }
  | { code: 'client-id-needed' }
  | { code: 'session-expiry' }
  | { code: 'fields-lost'; fields: string[] };

export interface ChangedNode extends NodeSummary {
  /** The type it had; `type` is the one it has now. The same for a subflow of which only a variable changed. */
  from: string;
  /** In the order in which a user should read them. */
  warnings: Warning[];
}

/**
 * Why a group stays as it is: a node of a type that is not converted uses its broker, or one of its nodes lies on a
 * locked flow.
 */
export interface Obstacle {
  reason: 'used-by' | 'locked';
  node: NodeSummary;
}

/** Nodes that are converted together or not at all, because they reach each other's brokers. */
export interface ConvertGroup {
  /** The id of its first broker node; empty for nodes without a broker. */
  key: string;
  brokers: NodeSummary[];
  /** What changes, or would change without the obstacles. */
  changed: ChangedNode[];
  obstacles: Obstacle[];
  /** Whether it was converted: it has no obstacle, and was not left out by the options. */
  converted: boolean;
}

export interface ConvertOptions {
  /** Default `to-persistent`. */
  direction?: Direction;
  /** Makes sessions persistent on the way: clean session off, and a client id where there is none. Default true. */
  persistSessions?: boolean;
  /** The client id for a broker node without one; called again for the same node, also for groups that stay. */
  newClientId: (broker: FlowNode) => string;
  /** Keys of the groups to convert. Default: all. */
  groups?: readonly string[];
}

export interface ConvertResult {
  /** The same entries in the same order; those that did not change are the same objects. */
  flows: FlowNode[];
  groups: ConvertGroup[];
  /** Of all groups that were converted, in the order of the flow. */
  changed: ChangedNode[];
}
