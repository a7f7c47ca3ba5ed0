// Which nodes use which broker node, by id or by an environment variable: these can change their types only together.
import { roleOf, type TypeNames } from './node-types';
import { textOf } from './text';
import type { FlowNode } from './types';

/** Nodes that are converted together. */
export interface NodeGroup {
  brokers: FlowNode[];
  /** In and out nodes. */
  users: FlowNode[];
  /** Subflows with properties "a config node of the broker's type" that in or out nodes use, and these properties. */
  subflows: Map<FlowNode, Set<string>>;
  /** Nodes of other types that use one of the brokers. */
  others: FlowNode[];
}

interface EnvironmentEntry {
  owner: FlowNode;
  name: string;
  /** `str`, `conf-type`, ...; of a subflow's property for config nodes: the type of these. */
  type: unknown;
  value: unknown;
}

/** Item of a node whose broker field names no broker node. */
const NO_BROKER = 'no broker';

/**
 * All nodes that have to do with brokers of these types, in groups, in the order of the flow. A variable is followed to
 * every entry of its name; one that no entry gives a broker node may name any of them, as the environment decides.
 */
export function groupsOf(flows: readonly FlowNode[], types: TypeNames): NodeGroup[] {
  const brokers = new Set(flows.filter(({ type }) => type === types.broker).map(({ id }) => id));
  const entries = flows.flatMap(environmentOf);
  const variables = new Set<string>();
  for (const node of flows) {
    const name = isUser(node, types) ? variableIn(node.broker) : undefined;
    if (name !== undefined) variables.add(name);
  }
  const items = new DisjointSets();
  for (const variable of variables) {
    const values = entries.filter(({ name }) => name === variable).map(({ value }) => textOf(value));
    const named = values.filter((value) => brokers.has(value));
    for (const id of named.length > 0 ? named : brokers) items.join(`variable ${variable}`, `broker ${id}`);
    if (brokers.size === 0) items.join(`variable ${variable}`, NO_BROKER);
  }
  // A subflow is one entry of the flow, so its properties change together.
  const properties = entries.filter(({ name, type }) => type === types.broker && variables.has(name));
  for (const { owner, name } of properties) items.join(`subflow ${owner.id}`, `variable ${name}`);

  const groups = new Map<string, NodeGroup>();
  const groupOf = (item: string): NodeGroup => {
    const root = items.find(item);
    const group = groups.get(root) ?? { brokers: [], users: [], subflows: new Map(), others: [] };
    groups.set(root, group);
    return group;
  };
  const itemOf = (reference: unknown): string | undefined => {
    const variable = variableIn(reference);
    if (variable !== undefined) return variables.has(variable) ? `variable ${variable}` : undefined;
    return typeof reference === 'string' && brokers.has(reference) ? `broker ${reference}` : undefined;
  };
  for (const node of flows) {
    if (node.type === types.broker) {
      groupOf(`broker ${node.id}`).brokers.push(node);
    } else if (isUser(node, types)) {
      groupOf(itemOf(node.broker) ?? NO_BROKER).users.push(node);
    } else {
      const used = referencesOf(node, variables).map(itemOf).filter(isText).map(groupOf);
      for (const group of new Set(used)) group.others.push(node);
    }
  }
  for (const { owner, name } of properties) {
    const { subflows } = groupOf(`variable ${name}`);
    subflows.set(owner, (subflows.get(owner) ?? new Set()).add(name));
  }
  return [...groups.values()];
}

/** The name in `${NAME}` or `$(NAME)`, which Node-RED replaces by the variable's value when a node starts. */
export function variableIn(value: unknown): string | undefined {
  return typeof value === 'string' ? /^\$(?:\{([^}]+)\}|\(([^)]+)\))$/.exec(value)?.slice(1).find(isText) : undefined;
}

function isUser(node: FlowNode, types: TypeNames): boolean {
  const role = roleOf(node.type, types);
  return role === 'in' || role === 'out';
}

/** All texts in the configuration of a node, and those in environment entries that no in or out node uses. */
function referencesOf(node: FlowNode, variables: ReadonlySet<string>): string[] {
  const { env: _environment, ...fields } = node;
  const unused = environmentOf(node).filter(({ name }) => !variables.has(name));
  return textsIn([fields, unused.map(({ value }) => value)]);
}

function environmentOf(owner: FlowNode): EnvironmentEntry[] {
  if (!Array.isArray(owner.env)) return [];
  return owner.env.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { name, type, value } = entry as Record<string, unknown>;
    return typeof name === 'string' ? [{ owner, name, type, value }] : [];
  });
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}

/** Sets of items that `join` makes one. */
class DisjointSets {
  readonly #parents = new Map<string, string>();

  find(item: string): string {
    let root = item;
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root)) root = parent;
    // What was on the way points there from now on: chains stay short, however many brokers a variable may name.
    for (let next = item; next !== root; ) {
      const parent = this.#parents.get(next) ?? root;
      this.#parents.set(next, root);
      next = parent;
    }
    return root;
  }

  join(left: string, right: string): void {
    const [from, to] = [this.find(left), this.find(right)];
    if (from !== to) this.#parents.set(from, to);
  }
}
