import { existsSync, readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

/** Not needed to run tests, or linked, or large. */
const LEFT_OUT = new Set(['node_modules', '.git', '.cache', '.demo', 'dist']);

/** A copy of the project to put mutations into; the project itself is never touched. */
export class PatchedTree {
  private constructor(readonly folder: string) {}

  static async create(projectRoot: string): Promise<PatchedTree> {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-mutation-'));
    for (const name of await fs.readdir(projectRoot)) {
      if (LEFT_OUT.has(name)) continue;
      const filter = (source: string) => path.basename(source) !== 'node_modules';
      await fs.cp(path.join(projectRoot, name), path.join(folder, name), { recursive: true, filter });
    }
    // A junction needs no privilege on Windows; elsewhere the type is ignored.
    await fs.symlink(path.join(projectRoot, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
    return new PatchedTree(folder);
  }

  /** The text of a file, by its path from the top folder; undefined: there is none. */
  read(file: string): string | undefined {
    const full = path.join(this.folder, file);
    return existsSync(full) ? readFileSync(full, 'utf8') : undefined;
  }

  /** Runs `work` while `changed` (path from the top folder -> text) is in force. */
  async with<T>(changed: ReadonlyMap<string, string>, work: () => Promise<T>): Promise<T> {
    const before = new Map([...changed.keys()].map((file) => [file, this.read(file) ?? '']));
    try {
      await this.#write(changed);
      return await work();
    } finally {
      await this.#write(before);
    }
  }

  async remove(): Promise<void> {
    await fs.rm(this.folder, { recursive: true, force: true });
  }

  async #write(files: ReadonlyMap<string, string>): Promise<void> {
    for (const [file, text] of files) await fs.writeFile(path.join(this.folder, file), text);
  }
}
