import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { InTurn } from '../../in-turn';
import type { FileSystem } from '../file-system';
import { ifExists } from '../files';
import { isNoSpace } from './segment-file';

export const RESERVE_NAME = 'reserve';
const STEP_BYTES = 64 * 1024;

/**
 * A file that does nothing but take up room. When the disk is full it shrinks step by step, so that the removal of
 * messages and the steps of QoS 2 can still be written: draining frees segments, and so the disk.
 */
export class Reserve {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #bytesMax: number;
  #bytes = 0;
  /** The writer shrinks the file while a checkpoint may be filling it. */
  readonly #inTurn = new InTurn();

  constructor(fileSystem: FileSystem, directory: string, bytesMax: number) {
    this.#fileSystem = fileSystem;
    this.#path = path.join(directory, RESERVE_NAME);
    this.#bytesMax = bytesMax;
  }

  /** Bytes it holds now. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /**
   * Brings the file to its full size; an earlier one is measured first. Random bytes: a compressing file system would store zeros in nothing.
   * A full disk is not an error: it keeps what it got and is filled the next time.
   * @throws Error of the system other than ENOSPC.
   */
  fill(): Promise<void> {
    return this.#inTurn.run(() => this.#fill());
  }

  async #fill(): Promise<void> {
    if (this.#bytesMax === 0) return;
    const exists = await this.measure();
    const file = await this.#fileSystem.open(this.#path, exists ? 'write' : 'create');
    try {
      while (this.#bytes < this.#bytesMax) {
        const chunk = randomBytes(Math.min(STEP_BYTES, this.#bytesMax - this.#bytes));
        const count = await file.write(chunk, 0, chunk.length, this.#bytes);
        if (count === 0) break;
        this.#bytes += count;
      }
    } catch (error) {
      if (!isNoSpace(error)) throw error;
    } finally {
      await file.close();
    }
  }

  /** Finds out what an earlier instance left. Resolves to whether there is a file at all. */
  async measure(): Promise<boolean> {
    const status = await ifExists(this.#fileSystem.status(this.#path));
    this.#bytes = status?.size ?? 0;
    return status !== undefined;
  }

  /** Gives back at least `bytes` in whole steps, or all that is left. Resolves to false when there was nothing to give. */
  shrink(bytes: number): Promise<boolean> {
    return this.#inTurn.run(() => this.#shrink(bytes));
  }

  async #shrink(bytes: number): Promise<boolean> {
    if (this.#bytes === 0) return false;
    const file = await ifExists(this.#fileSystem.open(this.#path, 'write'));
    if (file === undefined) {
      this.#bytes = 0;
      return false;
    }
    try {
      const given = Math.max(1, Math.ceil(bytes / STEP_BYTES)) * STEP_BYTES;
      const left = Math.max(0, this.#bytes - given);
      await file.truncate(left);
      this.#bytes = left;
    } finally {
      await file.close();
    }
    return true;
  }
}
