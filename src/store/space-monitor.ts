import { SessionError } from '../errors';
import type { FileSystem } from './file-system';
import type { Scheduler } from './scheduler';

const CHECK_INTERVAL_MS = 1000;
const FLOOR_BYTES_MAX = 200 * 1024 * 1024;
const FLOOR_SHARE = 0.05;
const MEBIBYTE = 1024 * 1024;

/**
 * Keeps some of the file system free, so that state records, other programs and the administrator can still write.
 * Asks at most once a second and never while somebody waits: `check` answers from the last look and starts the next.
 */
export class SpaceMonitor {
  #space: { free: number; total: number } | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly scheduler: Scheduler,
    private readonly path: string,
  ) {}

  /** `ERR_STORE_FULL` while less than min(200 MiB, 5 %) is free. Unknown space is not limited. */
  check(): SessionError | undefined {
    if (this.scheduler.now() - this.#checkedAt >= CHECK_INTERVAL_MS) void this.refresh();
    if (!this.#space) return undefined;
    const { free, total } = this.#space;
    const floor = spaceFloor(total);
    if (free >= floor) return undefined;
    return new SessionError(
      'ERR_STORE_FULL',
      `No new message is stored: the file system of ${this.path} has ${mebibytes(free)} MiB free, less than the ` +
        `${mebibytes(floor)} MiB that are kept. Free some space; what is stored stays and is still sent.`,
      { details: { path: this.path, free, floor } },
    );
  }

  /** Looks now. Never rejects. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#look().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #look(): Promise<void> {
    this.#checkedAt = this.scheduler.now();
    try {
      this.#space = await this.fileSystem.space(this.path);
    } catch {
      // A disk that cannot answer says nothing about its space; writing to it will report what is wrong.
    }
  }
}

/** Bytes of a file system with `total` bytes that are kept free: nothing new is stored below. */
export function spaceFloor(total: number): number {
  return Math.min(FLOOR_BYTES_MAX, total * FLOOR_SHARE);
}

function mebibytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(1);
}
