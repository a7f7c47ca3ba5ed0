import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { SessionError } from '../errors';
import { InTurn } from '../in-turn';
import { decodeClientIds, encodeClientIds } from './client-id-file';
import type { FileSystem } from './file-system';
import { ifExists, readFile, replaceFile } from './files';
import type { HolderFacts } from './holder-identity';
import { acquireLock, type Lock, LockObservations, SessionLockedError } from './lock';
import type { Scheduler } from './scheduler';

const FILE_NAME = 'client-ids.json';
const LOCK_NAME = 'client-ids.lock';
const LOCK_WAIT_MS = 5000;
const LOCK_RETRY_MS = 50;

/** Random, so that machines that import the same flow differ. */
const RANDOM_BYTES = 10;

/** Generated client ids, made once per node and kept for ever in `client-ids.json`. */
export class ClientIds {
  readonly #file: string;
  readonly #observations: LockObservations;
  readonly #inTurn = new InTurn();
  /** The name of the file is on the disk, as far as this process knows. */
  #isDurable = false;

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly scheduler: Scheduler,
    private readonly facts: HolderFacts,
    private readonly storagePath: string,
  ) {
    this.#file = path.join(storagePath, FILE_NAME);
    this.#observations = new LockObservations(scheduler);
  }

  /**
   * The client id of `nodeId`: the one made before, or a new one, durable when resolved. 1 to 23 letters and digits,
   * which every server must accept (MQTT-3.1.3-5 (3.1.1)).
   * @throws SessionError `ERR_CLIENT_ID_FILE` when the file is unreadable: a silently changed id would lose the session.
   */
  generate(nodeId: string): Promise<string> {
    return this.#inTurn.run(() => this.#findOrMake(nodeId));
  }

  /** Client ids by the id of the node that they were made for. @throws SessionError `ERR_CLIENT_ID_FILE`. */
  all(): Promise<ReadonlyMap<string, string>> {
    return this.#read();
  }

  async #findOrMake(nodeId: string): Promise<string> {
    const known = (await this.#read()).get(nodeId);
    if (known !== undefined) {
      // Who wrote it may have failed, or been killed, before the file had its name durably.
      if (!this.#isDurable) await this.fileSystem.syncDirectory(this.storagePath);
      this.#isDurable = true;
      return known;
    }
    const lock = await this.#lock();
    try {
      const ids = await this.#read();
      const clientId = ids.get(nodeId) ?? `nr${randomBytes(RANDOM_BYTES).toString('hex')}`;
      ids.set(nodeId, clientId);
      this.#isDurable = false;
      await replaceFile(this.fileSystem, this.#file, encodeClientIds(ids));
      this.#isDurable = true;
      return clientId;
    } finally {
      await lock.release();
    }
  }

  async #read(): Promise<Map<string, string>> {
    const bytes = await ifExists(readFile(this.fileSystem, this.#file));
    if (bytes === undefined) return new Map();
    try {
      return decodeClientIds(bytes);
    } catch (cause) {
      throw new SessionError(
        'ERR_CLIENT_ID_FILE',
        `${this.#file} cannot be read (${(cause as Error).message}). It holds the generated client ids, without which stored sessions are not found: restore it, or remove it to get new ones.`,
        { cause, details: { path: this.#file } },
      );
    }
  }

  /** Two processes that share the storage path must not overwrite each other's entry. */
  async #lock(): Promise<Lock> {
    const deadline = this.scheduler.now() + LOCK_WAIT_MS;
    for (;;) {
      try {
        return await acquireLock({
          fileSystem: this.fileSystem,
          scheduler: this.scheduler,
          facts: this.facts,
          observations: this.#observations,
          path: path.join(this.storagePath, LOCK_NAME),
          subject: `file of client ids in ${this.storagePath}`,
        });
      } catch (error) {
        if (!(error instanceof SessionLockedError) || this.scheduler.now() >= deadline) throw error;
      }
      await new Promise<void>((resolve) => this.scheduler.after(LOCK_RETRY_MS, resolve));
    }
  }
}
