import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const MEBIBYTES = 128;
const BALLAST = 'ballast';
const CHUNK = Buffer.alloc(1024 * 1024);

const mounted = new Set<string>();
process.once('exit', () => {
  for (const directory of mounted) unmount(directory);
});

/** A file system of its own, small enough to be filled. */
export class SmallDisk {
  private constructor(readonly directory: string) {}

  /**
   * Mounts one on a directory, which is made.
   * @returns what the system said where that is not permitted. @throws Error with `CI=true` as root: there it must be.
   */
  static mount(directory: string): SmallDisk | string {
    fs.mkdirSync(directory, { recursive: true });
    const { status, stderr, error } = spawnSync(
      'mount',
      ['-t', 'tmpfs', '-o', `size=${MEBIBYTES}m`, 'tmpfs', directory],
      { encoding: 'utf8' },
    );
    if (status === 0) {
      mounted.add(directory);
      return new SmallDisk(directory);
    }
    const reason = error?.message ?? stderr.trim();
    if (process.env.CI === 'true' && process.getuid?.() === 0) {
      throw new Error(`a tmpfs cannot be mounted on ${directory}, so that no disk can be filled: ${reason}`);
    }
    return reason;
  }

  /** Takes every byte that is left, again and again: what is freed meanwhile is taken, too. */
  fill(): void {
    const file = fs.openSync(path.join(this.directory, BALLAST), 'a');
    try {
      for (let size = CHUNK.length; size >= 1; ) {
        try {
          if (fs.writeSync(file, CHUNK, 0, size) < size) size = Math.floor(size / 2);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          size = Math.floor(size / 2);
        }
      }
    } finally {
      fs.closeSync(file);
    }
  }

  empty(): void {
    fs.rmSync(path.join(this.directory, BALLAST), { force: true });
  }

  remove(): void {
    unmount(this.directory);
    mounted.delete(this.directory);
  }
}

function unmount(directory: string): void {
  spawnSync('umount', ['-l', directory]);
}
