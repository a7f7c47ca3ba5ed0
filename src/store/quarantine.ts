import * as path from 'node:path';
import { errorCode } from '../errors';
import type { FileSystem } from './file-system';
import { copyFile, createFile, ifExists, LINK_UNSUPPORTED, removeIfExists, requireDirectory } from './files';
import { isSessionDirectoryName } from './safe-name';

export const QUARANTINE_DIRECTORY = 'quarantine';

/** When something came into quarantine, by the name of its directory there; undefined for other names. */
export function quarantinedAt(name: string): number | undefined {
  const match = /^(.+)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(-\d+)?$/.exec(name);
  if (!match?.[1] || !isSessionDirectoryName(match[1])) return undefined;
  const [, , year, month, day, hour, minute, second] = match.map(Number);
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
}

/**
 * Where damaged files of one session go, for inspection: `<storage path>/quarantine/<session>-<time>/`, together with
 * the reasons. The directory is made with the first file.
 */
export class Quarantine {
  #directory: string | undefined;
  readonly #copied = new Set<string>();

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly storagePath: string,
    private readonly sessionName: string,
    private readonly now: () => number,
  ) {}

  /** Moves `file` there. Resolves to its new path when that is durable. A file that is gone is nothing to move. */
  async take(file: string, reason: string): Promise<string | undefined> {
    const directory = await this.#place();
    const target = path.join(directory, path.basename(file));
    if (!(await ifExists(this.#addName(file, target)))) return undefined;
    // The new name first. Where both are there an error, or a power cut, leaves the old one until the new one is durable.
    await this.fileSystem.syncDirectory(directory);
    await removeIfExists(this.fileSystem, file);
    await this.fileSystem.syncDirectory(path.dirname(file));
    await this.#explain(directory, file, reason);
    return target;
  }

  /** As a second name where the file system has such a thing, else in place of the old one. Rejects with ENOENT: gone. */
  async #addName(file: string, target: string): Promise<true> {
    try {
      await this.fileSystem.link(file, target);
    } catch (error) {
      const code = errorCode(error) ?? '';
      // A directory has one name only. And what is in the way is one of our own notes.
      if (!LINK_UNSUPPORTED.has(code) && code !== 'EEXIST') throw error;
      await this.fileSystem.rename(file, target);
    }
    return true;
  }

  /** Copies `file` there, once for however many reasons, for one whose sound part is still in use. Resolves when the copy is durable. */
  async copy(file: string, reason: string): Promise<void> {
    const directory = await this.#place();
    if (!this.#copied.has(file)) {
      await copyFile(this.fileSystem, file, path.join(directory, path.basename(file)));
      this.#copied.add(file);
    }
    await this.#explain(directory, file, reason);
  }

  /** A session may be open for longer than things stay in quarantine. */
  async #place(): Promise<string> {
    if (this.#directory !== undefined && (await ifExists(this.fileSystem.status(this.#directory))))
      return this.#directory;
    this.#copied.clear();
    this.#directory = await this.#makeDirectory();
    return this.#directory;
  }

  async #explain(directory: string, file: string, reason: string): Promise<void> {
    const text = Buffer.from(`${path.basename(file)}: ${reason}\n`);
    for (let number = 1; ; number++) {
      const target = path.join(directory, `reason-${number}.txt`);
      if (await ifExists(this.fileSystem.status(target))) continue;
      await createFile(this.fileSystem, target, text);
      break;
    }
    await this.fileSystem.syncDirectory(directory);
  }

  async #makeDirectory(): Promise<string> {
    const root = path.join(this.storagePath, QUARANTINE_DIRECTORY);
    await this.fileSystem.makeDirectory(root);
    await requireDirectory(this.fileSystem, root);
    const stamp = new Date(this.now()).toISOString().replace(/[-:]|\.\d+/g, '');
    for (let number = 1; ; number++) {
      const directory = path.join(root, `${this.sessionName}-${stamp}${number === 1 ? '' : `-${number}`}`);
      const existing = await ifExists(this.fileSystem.status(directory));
      if (existing) continue;
      await this.fileSystem.makeDirectory(directory);
      await this.fileSystem.syncDirectory(root);
      await this.fileSystem.syncDirectory(this.storagePath);
      return directory;
    }
  }
}
