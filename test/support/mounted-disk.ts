import type { FileSystem, OpenFile } from '../../src/store/file-system';
import type { MemoryDisk } from './memory-disk';

/**
 * A disk in memory as one process sees it. Each process has a mount point of its own, because what the store keeps
 * per process (who has a session open) is shared by all processes of a test and is told apart by path.
 */
export class MountedDisk implements FileSystem {
  constructor(
    private readonly disk: MemoryDisk,
    private readonly mountPoint: string,
  ) {}

  open(path: string, access: 'read' | 'write' | 'create'): Promise<OpenFile> {
    return this.disk.open(this.#below(path), access);
  }

  makeDirectory(path: string): Promise<void> {
    return this.disk.makeDirectory(this.#below(path));
  }

  list(path: string): Promise<string[]> {
    return this.disk.list(this.#below(path));
  }

  status(path: string): ReturnType<MemoryDisk['status']> {
    return this.disk.status(this.#below(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.disk.rename(this.#below(from), this.#below(to));
  }

  link(from: string, to: string): Promise<void> {
    return this.disk.link(this.#below(from), this.#below(to));
  }

  remove(path: string): Promise<void> {
    return this.disk.remove(this.#below(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.disk.removeDirectory(this.#below(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.disk.syncDirectory(this.#below(path));
  }

  space(_path: string): ReturnType<MemoryDisk['space']> {
    return this.disk.space();
  }

  #below(path: string): string {
    if (path === this.mountPoint) return '/';
    if (!path.startsWith(`${this.mountPoint}/`)) throw new Error(`${path} is outside of ${this.mountPoint}`);
    return path.slice(this.mountPoint.length);
  }
}
