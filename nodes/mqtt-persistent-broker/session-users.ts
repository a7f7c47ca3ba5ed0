import type { Node } from 'node-red';
import type { SessionClient } from '../../src/client/session-client';

/** An in or out node that uses the session. */
export interface SessionUser {
  readonly node: Node;
  /** A client was made: static subscriptions are due. */
  attach?(client: SessionClient): void;
  /** Its session is open: what it remembers of the node can be taken up again. */
  restore?(client: SessionClient): void;
}

/** The nodes that use the session of a broker node, each the last one of its id that came. */
export class SessionUsers {
  readonly #users = new Map<string, SessionUser>();

  get isEmpty(): boolean {
    return this.#users.size === 0;
  }

  get ids(): ReadonlySet<string> {
    return new Set(this.#users.keys());
  }

  add(user: SessionUser): void {
    this.#users.set(user.node.id, user);
  }

  /** @returns false when a newer instance of the node is in its place already, or nobody is. */
  remove(user: SessionUser): boolean {
    const { id } = user.node;
    return this.#users.get(id) === user && this.#users.delete(id);
  }

  nodes(): Node[] {
    return [...this.#users.values()].map(({ node }) => node);
  }

  attach(client: SessionClient): void {
    for (const user of this.#users.values()) user.attach?.(client);
  }

  restore(client: SessionClient): void {
    for (const user of this.#users.values()) user.restore?.(client);
  }
}
