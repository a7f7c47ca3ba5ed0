import { errorCode } from '../../src/errors';
import type { FileSystem, OpenFile } from '../../src/store/file-system';
import type { MemoryDisk } from '../support/memory-disk';
import { MountedDisk } from '../support/mounted-disk';
import type { Kind } from './kinds';
import type { Trace } from './trace';

/** Of injected faults. All else (ENOENT, EEXIST, ...) is an answer. */
const FAULT_CODES = new Set(['EIO', 'EACCES', 'EROFS', 'EMFILE']);

/** A change to how the disk behaves, to plant a defect. */
export type Tamper = (file: OpenFile, path: string) => OpenFile;

/** The disk as one simulated process sees it: what fails is counted. */
export class ProcessDisk implements FileSystem {
  readonly #disk: MountedDisk;

  constructor(
    disk: MemoryDisk,
    mountPoint: string,
    private readonly trace: Trace,
    private readonly tamper: Tamper = (file) => file,
  ) {
    this.#disk = new MountedDisk(disk, mountPoint);
  }

  async open(path: string, access: 'read' | 'write' | 'create'): Promise<OpenFile> {
    const file = await this.#counted('other call failed', this.#disk.open(path, access));
    return this.tamper(this.#watched(file), path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#counted('other call failed', this.#disk.makeDirectory(path));
  }

  list(path: string): Promise<string[]> {
    return this.#counted('other call failed', this.#disk.list(path));
  }

  status(path: string): ReturnType<FileSystem['status']> {
    return this.#counted('other call failed', this.#disk.status(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#counted('other call failed', this.#disk.rename(from, to));
  }

  link(from: string, to: string): Promise<void> {
    return this.#counted('other call failed', this.#disk.link(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#counted('other call failed', this.#disk.remove(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.#counted('other call failed', this.#disk.removeDirectory(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#counted('sync error', this.#disk.syncDirectory(path));
  }

  space(path: string): ReturnType<FileSystem['space']> {
    return this.#disk.space(path);
  }

  #watched(file: OpenFile): OpenFile {
    return {
      read: (...call) => this.#counted('read error', file.read(...call)),
      write: async (...call) => {
        const count = await this.#counted('write error', file.write(...call));
        if (count < call[2]) this.trace.count('short write');
        return count;
      },
      sync: () => this.#counted('sync error', file.sync()),
      truncate: (length) => this.#counted('write error', file.truncate(length)),
      size: () => this.#counted('read error', file.size()),
      close: () => file.close(),
    };
  }

  async #counted<T>(kind: Kind, call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOSPC') this.trace.add('disk full');
      else if (code !== undefined && FAULT_CODES.has(code)) this.trace.add(kind, () => String(error));
      throw error;
    }
  }
}
