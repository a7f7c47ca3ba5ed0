import { SessionError } from '../../src/errors';

interface Claim<T> {
  ownerId: string;
  ownerName: string;
  value: T;
}

/** Which node of this process has which session: two with one client id would throw each other off the broker. */
export class SessionClaims<T> {
  readonly #claims = new Map<string, Map<string, Claim<T>>>();

  /**
   * @returns what gives the claim back.
   * @throws SessionError `ERR_CLIENT_ID_IN_USE` naming both, when another owner has it. An owner's newer claim replaces
   * its older one.
   */
  claim(storePath: string, clientId: string, ownerId: string, ownerName: string, value: T): () => void {
    const claims = this.#claims.get(storePath) ?? new Map<string, Claim<T>>();
    this.#claims.set(storePath, claims);
    const present = claims.get(clientId);
    if (present !== undefined && present.ownerId !== ownerId) {
      throw new SessionError(
        'ERR_CLIENT_ID_IN_USE',
        `The broker node "${ownerName}" (${ownerId}) has the client id "${clientId}", which the broker node ` +
          `"${present.ownerName}" (${present.ownerId}) uses already in the same store (${storePath}). ` +
          'Give one of them another client id, or let all nodes use the same broker node.',
        { details: { clientId, storePath, nodes: [ownerId, present.ownerId] } },
      );
    }
    const claim: Claim<T> = { ownerId, ownerName, value };
    claims.set(clientId, claim);
    return () => {
      if (claims.get(clientId) === claim) claims.delete(clientId);
    };
  }

  has(storePath: string, clientId: string): boolean {
    return this.#claims.get(storePath)?.has(clientId) ?? false;
  }

  find(storePath: string, clientId: string): T | undefined {
    return this.#claims.get(storePath)?.get(clientId)?.value;
  }

  /** Client id and value of all claims in a store. */
  list(storePath: string): [clientId: string, value: T][] {
    return [...(this.#claims.get(storePath) ?? [])].map(([clientId, { value }]) => [clientId, value]);
  }
}
