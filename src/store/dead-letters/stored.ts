import * as path from 'node:path';
import { errorCode } from '../../errors';
import type { RecordCodec } from '../../session/state';
import type { FileSystem, OpenFile } from '../file-system';
import { ifExists, readFully } from '../files';
import type { JournalNotice } from '../journal/types';
import { FAILED_NAME } from './failed-file';
import { DeadLetterKey, ENTRY_HEADER_BYTES, isEntry, RECORD_HEADER_BYTES } from './format';
import { type Entry, type Scanned, scanDeadLetters } from './scan';

/** The dead letters of a session that nobody has open; nothing is changed. `close` it. */
export class StoredDeadLetters<R> {
  readonly #codec: Pick<RecordCodec<R>, 'read'>;

  private constructor(
    readonly path: string,
    private readonly file: OpenFile,
    private readonly key: DeadLetterKey,
    codec: Pick<RecordCodec<R>, 'read'>,
    private readonly scanned: Scanned,
    private readonly closedInOrder: boolean,
  ) {
    this.#codec = codec;
  }

  /**
   * Undefined: the session has none.
   * @param closedInOrder Whether its last holder has closed it; only a killed one leaves an interrupted write.
   * @throws SessionError `ERR_SESSION_VERSION`; the system's error.
   */
  static async open<R>(
    fileSystem: FileSystem,
    directory: string,
    uid: Buffer,
    codec: Pick<RecordCodec<R>, 'read'>,
    closedInOrder: boolean,
  ): Promise<StoredDeadLetters<R> | undefined> {
    const file = path.join(directory, FAILED_NAME);
    const handle = await ifExists(fileSystem.open(file, 'read'));
    if (handle === undefined) return undefined;
    try {
      const key = new DeadLetterKey(uid);
      return new StoredDeadLetters(file, handle, key, codec, await scanDeadLetters(handle, key, file), closedInOrder);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get count(): number {
    return this.scanned.entries.length;
  }

  /** See `Scanned.reached`. */
  get reached(): number {
    return this.scanned.reached;
  }

  /** What is wrong with the file itself. An interrupted write at its end is in order after a kill. */
  get notices(): JournalNotice[] {
    const { header, gaps, durable, size } = this.scanned;
    if (header !== undefined && !header.uid.equals(this.key.uid)) {
      return [{ level: 'error', text: `${this.path} belongs to another session.` }];
    }
    return gaps.map(({ start, end }) => {
      if (!this.closedInOrder && start >= durable && end === size && header !== undefined) {
        return { level: 'info', text: `${this.path} ended in an interrupted write.` };
      }
      return {
        level: 'error',
        text: `${this.path} is damaged from byte ${start} to ${end}: dead letters may be lost.`,
      };
    });
  }

  /** What they take on the disk. */
  get bytes(): number {
    return this.scanned.entries.reduce((sum, { size }) => sum + size, 0);
  }

  /** When they became dead letters. */
  get times(): number[] {
    return this.scanned.entries.map(({ keptAt }) => keptAt);
  }

  /**
   * The dead letters with an id above `after`, oldest first. One that cannot be read has its reason in place of the record.
   */
  async *records(after = 0): AsyncGenerator<{ entry: Entry; record: R } | { entry: Entry; fault: string }> {
    for (const entry of this.scanned.entries) {
      if (entry.id <= after) continue;
      const bytes = await readFully(this.file, entry.offset, entry.size);
      if (!isEntry(this.key, bytes, entry.id)) {
        yield { entry, fault: 'its checksum does not hold' };
        continue;
      }
      const contentStart = RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES + bytes.readUInt8(30);
      yield this.#decode(entry, bytes.readUInt8(29), bytes.subarray(contentStart));
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  #decode(entry: Entry, kind: number, content: Buffer): { entry: Entry; record: R } | { entry: Entry; fault: string } {
    try {
      return { entry, record: this.#codec.read(kind, content) };
    } catch (error) {
      if (errorCode(error) !== 'ERR_RECORD_INVALID') throw error;
      return { entry, fault: (error as Error).message };
    }
  }
}
