import { type Call, type RecordingDisk, systemError } from '../crash-points/recording-disk';

/** What each call to the operating system may answer when disk, permissions or descriptors fail. */
export const CODES: Record<Call, readonly string[]> = {
  create: ['ENOSPC', 'EIO', 'EACCES', 'EROFS', 'EMFILE'],
  open: ['EIO', 'EACCES', 'EMFILE', 'EROFS'],
  read: ['EIO'],
  write: ['ENOSPC', 'EIO', 'EROFS'],
  sync: ['EIO', 'ENOSPC', 'EROFS'],
  truncate: ['EIO', 'EROFS'],
  size: ['EIO'],
  // Data that a network file system could not write is reported here; the descriptor is free all the same.
  close: ['EIO', 'ENOSPC'],
  list: ['EIO', 'EACCES', 'EMFILE'],
  status: ['EIO', 'EACCES'],
  makeDirectory: ['ENOSPC', 'EIO', 'EACCES', 'EROFS'],
  rename: ['ENOSPC', 'EIO', 'EACCES', 'EROFS'],
  link: ['ENOSPC', 'EIO', 'EACCES', 'EROFS'],
  remove: ['EIO', 'EACCES', 'EROFS'],
  removeDirectory: ['EIO', 'EACCES', 'EROFS'],
  syncDirectory: ['EIO', 'ENOSPC', 'EACCES', 'EMFILE'],
  space: ['EIO', 'EACCES'],
};

/** `once`: one call. `forever`: from it on, until the fault ends, all calls that can answer so. */
export type Mode = 'once' | 'forever';

/** Makes call number `at` of a disk fail. */
export class Fault {
  /** Calls so far. */
  calls = 0;
  /** The call that it hit first. */
  hit: string | undefined;
  /** Where the disk's log was then. */
  hitAt = Number.POSITIVE_INFINITY;
  #ended = false;

  constructor(
    private readonly disk: RecordingDisk,
    private readonly at: number,
    private readonly code: string,
    private readonly mode: Mode,
  ) {
    disk.onCall = (call, path) => this.#called(call, path);
  }

  end(): void {
    this.#ended = true;
  }

  #called(call: Call, path: string): void {
    this.calls += 1;
    const isDue = this.calls === this.at || (this.mode === 'forever' && this.calls > this.at);
    if (this.#ended || !isDue || !CODES[call].includes(this.code)) return;
    if (this.hit === undefined) this.hitAt = this.disk.log.length;
    this.hit ??= `${call} ${path}`;
    throw systemError(this.code, call, path);
  }
}

/** The calls that a workload makes without faults, in order. */
export function countCalls(disk: RecordingDisk): Call[] {
  const calls: Call[] = [];
  disk.onCall = (call) => {
    calls.push(call);
  };
  return calls;
}
