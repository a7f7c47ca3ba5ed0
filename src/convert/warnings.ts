import { isBrokerType, OWN_FIELDS, roleOf, typesFor } from './node-types';
import { variableIn } from './references';
import { textOf } from './text';
import type { Direction, FlowNode, Warning } from './types';

/** What a user should know about `after`, made of `before`; `sessions` are those of the converted flow. */
export function warningsFor(before: FlowNode, after: FlowNode, direction: Direction, sessions: Sessions): Warning[] {
  if (direction === 'to-core') return lossesOf(before);
  if (roleOf(after.type, typesFor(direction).to) !== 'broker') return [];
  const warnings: Warning[] = [];
  const clientId = trimmed(after.clientid);
  if (clientId !== '' && clientId !== trimmed(before.clientid)) warnings.push({ code: 'client-id-new', clientId });
  const others = sessions.others(after);
  if (others.length > 0) warnings.push({ code: 'client-id-shared', clientId, others });
  if (isUnverified(before)) warnings.push({ code: 'certificates' });
  return warnings;
}

function lossesOf(node: FlowNode): Warning[] {
  const warnings: Warning[] = [];
  const role = roleOf(node.type, typesFor('to-core').from);
  if (role === undefined) return warnings;
  const fields = Object.entries(OWN_FIELDS[role])
    .filter(([field, meaning]) => node[field] !== undefined && textOf(node[field]) !== textOf(meaning))
    .map(([field]) => field);
  if (fields.length > 0) warnings.push({ code: 'fields-lost', fields });
  if (role !== 'broker' || isTrue(node.cleansession)) return warnings;
  if (trimmed(node.clientid) === '') warnings.push({ code: 'client-id-needed' });
  if (Number(node.protocolVersion) === 5 && Number(node.sessionExpiry ?? 0) === 0) {
    warnings.push({ code: 'session-expiry' });
  }
  return warnings;
}

/** Which broker nodes claim which session. */
export class Sessions {
  readonly #brokers = new Map<string, FlowNode[]>();

  constructor(flows: readonly FlowNode[]) {
    for (const node of flows) {
      const key = sessionOf(node);
      if (key === undefined) continue;
      const brokers = this.#brokers.get(key);
      if (brokers === undefined) this.#brokers.set(key, [node]);
      else brokers.push(node);
    }
  }

  /** Names of the other broker nodes that would claim the same session. */
  others(broker: FlowNode): string[] {
    const key = sessionOf(broker);
    const brokers = key === undefined ? [] : (this.#brokers.get(key) ?? []);
    return brokers.filter(({ id }) => id !== broker.id).map(({ id, name }) => trimmed(name) || id);
  }
}

/** What a broker node's session goes by; undefined without a client id, or when a variable gives it at the start. */
function sessionOf({ type, clientid, store }: FlowNode): string | undefined {
  const clientId = trimmed(clientid);
  if (!isBrokerType(type) || clientId === '' || variableIn(clientId) !== undefined) return undefined;
  return JSON.stringify([type, trimmed(store), clientId]);
}

/** TLS without a TLS configuration: Node-RED's own node accepts any certificate then. */
function isUnverified(broker: FlowNode): boolean {
  const address = trimmed(broker.broker);
  const isSecure = address.includes('://') ? /^(?:mqtts|ssl|tls|wss):/i.test(address) : isTrue(broker.usetls);
  const isConfigured = isTrue(broker.usetls) && trimmed(broker.tls) !== '';
  return isSecure && !isConfigured && !isTrue(broker.verifyservercert);
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}

function trimmed(value: unknown): string {
  return textOf(value).trim();
}
