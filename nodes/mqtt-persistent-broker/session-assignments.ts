import type { SessionStore } from '../../src/store/session-store';
import { openSharedStore } from '../../src/store/shared-store';

interface Assignment {
  storePath: string;
  nodeId: string;
  /** Undefined until a generated one is known. */
  clientId(): string | undefined;
}

/** Which session each broker node of this process is made for, also of those that nothing uses at the moment. */
const assignments = new Set<Assignment>();

/** @returns what ends it, when the broker node closes. */
export function assignSession(assignment: Assignment): () => void {
  assignments.add(assignment);
  return () => assignments.delete(assignment);
}

/**
 * The client ids of all broker nodes that use a store.
 * @param storePath As in the settings of its nodes.
 * @throws SessionError `ERR_CLIENT_ID_FILE`; the system's error.
 */
export async function assignedClientIds(storePath: string, store: SessionStore): Promise<ReadonlySet<string>> {
  const own = [...assignments].filter((assignment) => assignment.storePath === storePath);
  const generated = own.some(({ clientId }) => clientId() === undefined) ? await store.generatedClientIds() : undefined;
  const clientIds = own.map(({ nodeId, clientId }) => clientId() ?? generated?.get(nodeId));
  return new Set(clientIds.filter((clientId) => clientId !== undefined));
}

/**
 * The client id of a broker node. Undefined: there is no such node, or none was generated for it yet.
 * @throws SessionError `ERR_CLIENT_ID_FILE`; the system's error.
 */
export async function assignedClientId(nodeId: string): Promise<string | undefined> {
  const assignment = [...assignments].findLast((one) => one.nodeId === nodeId);
  const known = assignment?.clientId();
  if (assignment === undefined || known !== undefined) return known;
  // Nothing uses the node, so it has not asked for its client id.
  const store = await openSharedStore(assignment.storePath);
  if (store === undefined) return undefined;
  try {
    return (await store.generatedClientIds()).get(nodeId);
  } finally {
    await store.release();
  }
}
