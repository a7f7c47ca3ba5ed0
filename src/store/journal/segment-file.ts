import * as path from 'node:path';
import { errorCode } from '../../errors';
import type { FileSystem, OpenFile } from '../file-system';
import type { SyncLimiter } from '../sync-limiter';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './format';
import type { ImmediateWrites } from './immediate-writes';

/** What the journal did to the disk since it was opened. */
export class JournalCounters {
  bytesWritten = 0;
  writes = 0;
  syncs = 0;
}

/** The disk as the writing side of a journal sees it. */
export interface SegmentDisk {
  fileSystem: FileSystem;
  syncLimiter: SyncLimiter;
  counters: JournalCounters;
}

/** A segment of our own epoch, open for writing. */
export class SegmentFile {
  readonly path: string;
  readonly number: number;
  /** Behind the last whole batch written; the next one goes here. */
  end = SEGMENT_HEADER_BYTES;
  readonly #disk: SegmentDisk;
  readonly #file: OpenFile;

  private constructor(disk: SegmentDisk, file: OpenFile, filePath: string, number: number) {
    this.#disk = disk;
    this.#file = file;
    this.path = filePath;
    this.number = number;
  }

  /** Creates the file, still without a header. */
  static async createBare(disk: SegmentDisk, filePath: string, number: number): Promise<SegmentFile> {
    return new SegmentFile(disk, await disk.fileSystem.open(filePath, 'create'), filePath, number);
  }

  /** Creates the file with its header, both durable. On failure nothing stays behind if that can be helped. */
  static async create(disk: SegmentDisk, filePath: string, header: SegmentHeader): Promise<SegmentFile> {
    const segment = await SegmentFile.createBare(disk, filePath, header.number);
    try {
      await segment.finish(header);
    } catch (error) {
      await segment.discard();
      throw error;
    }
    return segment;
  }

  /** Writes the header, then makes the whole file and its name durable. */
  async finish(header: SegmentHeader): Promise<void> {
    await this.#writeFully(encodeSegmentHeader(header), SEGMENT_HEADER_BYTES, 0);
    await this.sync();
    await this.#disk.fileSystem.syncDirectory(path.dirname(this.path));
  }

  /**
   * Writes the first `length` bytes of `bytes` at `position`. What is behind `end` afterwards does not count. Made on this
   * thread where `immediate` allows it.
   */
  async write(bytes: Buffer, length: number, position: number, immediate?: ImmediateWrites): Promise<void> {
    await this.#writeFully(bytes, length, position, immediate);
  }

  async sync(): Promise<void> {
    await this.#disk.syncLimiter.run(() => this.#file.sync());
    this.#disk.counters.syncs++;
  }

  /** Cuts off what a failed write left behind `end`. */
  async cut(): Promise<void> {
    await this.#file.truncate(this.end);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Closes and removes a file that holds nothing of value. Never fails: at worst an ignored file stays. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await this.#disk.fileSystem.remove(this.path).catch(() => undefined);
  }

  /** `fs.write` on a full disk returns no error and fewer bytes; only the next call says ENOSPC. */
  async #writeFully(bytes: Buffer, length: number, position: number, immediate?: ImmediateWrites): Promise<void> {
    let written = 0;
    while (written < length) {
      const count =
        this.#writeNow(bytes, written, length - written, position + written, immediate) ??
        (await this.#file.write(bytes, written, length - written, position + written));
      if (count === 0) throw noSpace(this.path);
      this.#disk.counters.writes++;
      this.#disk.counters.bytesWritten += count;
      written += count;
    }
  }

  /** @returns how many bytes were written; undefined: not this way. */
  #writeNow(
    bytes: Buffer,
    offset: number,
    length: number,
    position: number,
    immediate: ImmediateWrites | undefined,
  ): number | undefined {
    const file = this.#file;
    if (immediate === undefined || file.writeNow === undefined || !immediate.allows(length)) return undefined;
    return immediate.run(() => file.writeNow?.(bytes, offset, length, position) ?? 0);
  }
}

function noSpace(filePath: string): Error {
  return Object.assign(new Error(`ENOSPC: nothing was written to ${filePath}`), { code: 'ENOSPC' });
}

/** True when an error says that there is no room, as against a broken disk. */
export function isNoSpace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
