// Moves flows from Node-RED's own MQTT nodes to the persistent ones, and back: the same node under another type.
//
// Ids stay, and with them wires, links, groups and the credentials, which Node-RED keeps by id alone. Fields have the
// same names and meanings on both sides, so they stay as they are, unless sessions shall become persistent.
import { isBrokerType, OWN_FIELDS, roleOf, type TypeNames, typesFor } from './node-types';
import { groupsOf, type NodeGroup } from './references';
import { textOf } from './text';
import type {
  ChangedNode,
  ConvertGroup,
  ConvertOptions,
  ConvertResult,
  Direction,
  FlowNode,
  NodeSummary,
  Obstacle,
} from './types';
import { Sessions, warningsFor } from './warnings';

/**
 * Converts the MQTT nodes of a flow; `flows` is everything in a flow file, or what is deployed. Nothing given is changed.
 *
 * A broker node has one type, so all nodes that use it are converted with it. Where a node of a type that is not
 * converted uses it too, or one of them lies on a locked flow, the group stays as it is, and says so in `obstacles`.
 * A conversion back without `persistSessions` restores the flow exactly.
 */
export function convertFlows(flows: readonly FlowNode[], options: ConvertOptions): ConvertResult {
  const { direction = 'to-persistent', groups: chosen } = options;
  const { from, to } = typesFor(direction);
  const locked = new Set<unknown>(flows.filter((entry) => entry.locked === true).map(({ id }) => id));

  const planned = groupsOf(flows, from)
    .filter(({ brokers, users }) => brokers.length + users.length > 0)
    .map((group) => {
      const key = group.brokers[0]?.id ?? '';
      const members = membersOf(group);
      const obstacles: Obstacle[] = [
        ...group.others.map((node) => ({ reason: 'used-by' as const, node: summaryOf(node) })),
        ...members
          .filter((node) => locked.has(node.id) || locked.has(node.z))
          .map((node) => ({ reason: 'locked' as const, node: summaryOf(node) })),
      ];
      const replacements = new Map(
        members.map((node) => {
          const properties = group.subflows.get(node);
          return [node, properties ? withProperties(node, properties, to) : converted(node, direction, options)];
        }),
      );
      const isConverted = obstacles.length === 0 && (chosen === undefined || chosen.includes(key));
      return { key, group, obstacles, replacements, isConverted };
    });

  const applied = new Map(planned.flatMap(({ isConverted, replacements }) => (isConverted ? [...replacements] : [])));
  const result = flows.map((node) => applied.get(node) ?? node);
  const sessions = new Sessions(result);
  const changesOf = (replacements: ReadonlyMap<FlowNode, FlowNode>): ChangedNode[] =>
    [...replacements].map(([before, after]) => ({
      ...summaryOf(after),
      from: before.type,
      warnings: warningsFor(before, after, direction, sessions),
    }));
  const groups = planned.map(
    ({ key, group, obstacles, replacements, isConverted }): ConvertGroup => ({
      key,
      brokers: group.brokers.map(summaryOf),
      changed: changesOf(replacements),
      obstacles,
      converted: isConverted,
    }),
  );
  const byId = new Map(
    groups.filter((group) => group.converted).flatMap(({ changed }) => changed.map((node) => [node.id, node])),
  );
  return { flows: result, groups, changed: result.flatMap(({ id }) => byId.get(id) ?? []) };
}

function membersOf({ brokers, users, subflows }: NodeGroup): FlowNode[] {
  return [...brokers, ...users, ...subflows.keys()];
}

function converted(node: FlowNode, direction: Direction, options: ConvertOptions): FlowNode {
  const { from, to } = typesFor(direction);
  const role = roleOf(node.type, from);
  if (role === undefined) return node;
  const after: Record<string, unknown> & FlowNode = { ...node, type: to[role] };
  if (direction === 'to-core') {
    for (const field of Object.keys(OWN_FIELDS[role])) delete after[field];
  } else if (role === 'broker' && options.persistSessions !== false) {
    after.cleansession = false;
    if (textOf(node.clientid).trim() === '') after.clientid = options.newClientId(node);
  }
  return after;
}

/** A subflow whose `properties` ask for the broker nodes of the other type. */
function withProperties(subflow: FlowNode, properties: ReadonlySet<string>, to: TypeNames): FlowNode {
  const env = (subflow.env as ({ name: string } | null)[]).map((entry) =>
    entry !== null && properties.has(entry.name) ? { ...entry, type: to.broker } : entry,
  );
  return { ...subflow, env };
}

function summaryOf(node: FlowNode): NodeSummary {
  const { id, type, z } = node;
  const address = isBrokerType(type) ? node.broker : undefined;
  const label = [node.name, node.label, node.topic, address].find(
    (text): text is string => typeof text === 'string' && text.trim() !== '',
  );
  return { id, type, label: label ?? id, z: typeof z === 'string' ? z : undefined };
}
