import type { SessionClient } from '../../src/client/session-client';
import { InTurn } from '../../src/in-turn';

/** What the connection depends on besides the wishes of nodes. */
export interface ConnectionTarget {
  /** The client, once its session is open. */
  openClient(): SessionClient | undefined;
  /** Whether the flows run; there is no new connection before. */
  isRunning(): boolean;
  hasUsers(): boolean;
  /** Why there is no session to connect, if something stands in the way. */
  failure(): Error | undefined;
  failed(error: Error): void;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Has the connection as nodes, administrators and deploys want it.
 *
 * What is wanted is kept in flags; `align` brings the connection in line with them, one call after the other. So no
 * sequence of connect, disconnect and deploy can leave it in between.
 */
export class ConnectionControl {
  /** By autoConnect, or the last connect or disconnect. */
  #wanted: boolean;
  /** An administrator connected it although no in or out node uses it. */
  #wantedWithoutUsers = false;
  #waiters: Waiter[] = [];
  readonly #tasks = new InTurn();

  constructor(
    autoConnect: boolean,
    private readonly target: ConnectionTarget,
  ) {
    this.#wanted = autoConnect;
  }

  /** There is a connection, or one is to be made. */
  get isActive(): boolean {
    return this.#wanted && (this.target.hasUsers() || this.#wantedWithoutUsers);
  }

  /**
   * Connects; resolves at CONNACK, rejects when the first attempt fails or a disconnect comes first.
   * @param prepare Is asked first, with whether there is a connection or one being made; false: leave it as it is.
   */
  async connect(prepare: (isActive: boolean) => Promise<boolean>): Promise<void> {
    const attempt = await this.#tasks.run(async () => {
      if (!(await prepare(this.isActive))) return undefined;
      this.#wanted = true;
      this.#wantedWithoutUsers = !this.target.hasUsers();
      return { connected: new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject })) };
    });
    // What waits for its next attempt makes it now.
    if (attempt === undefined) return this.align();
    const failure = this.target.failure();
    if (failure !== undefined) this.attemptFailed(failure);
    void this.align();
    await attempt.connected;
  }

  /**
   * Disconnects until the next connect. `reason` is told to those who wait for the connection. `force`: without
   * DISCONNECT.
   */
  async disconnect(reason: Error, { force = false } = {}): Promise<void> {
    this.#wanted = false;
    this.#wantedWithoutUsers = false;
    this.attemptFailed(reason);
    if (force) await this.#tasks.run(async () => this.target.openClient()?.disconnect({ force }));
    await this.align();
  }

  flowsStarted(): Promise<void> {
    this.#wantedWithoutUsers = false;
    return this.align();
  }

  /** CONNACK came. */
  connected(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  /** There was no connection, and those who wait for it are told why. Attempts go on. */
  attemptFailed(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  /** Brings the connection in line with what is wanted; to be called after every change of that. */
  align(): Promise<void> {
    return this.#tasks
      .run(async () => {
        const client = this.target.openClient();
        if (client === undefined) return;
        const isUsed = this.target.hasUsers() || this.#wantedWithoutUsers;
        if (!this.#wanted) await client.disconnect();
        else if (!this.target.isRunning()) return;
        else if (isUsed) client.connect();
        else await client.disconnect();
      })
      .catch((error: Error) => this.target.failed(error));
  }
}
