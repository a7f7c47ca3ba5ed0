/**
 * A file system in memory that fails as real ones do. It promises what POSIX promises and nothing more:
 *
 * - Data is on the disk after `sync` of its file; before, a power cut keeps any part of the unsynced writes: none, all,
 *   the first few, or a random selection, each whole or torn at a sector.
 * - A name (create, link, rename, remove) is on the disk after `syncDirectory`; before, likewise.
 * - A killed process loses nothing that was written; a write in progress is done in part.
 * - A failed `sync` drops the unsynced data: the page cache still shows it, no later sync brings it to the disk.
 * - A full disk writes what fits, then fails with ENOSPC.
 *
 * Not simulated: bits that change by themselves (tests flip them in `contents`), and renames that are not atomic.
 */
import * as path from 'node:path';
import type { FileStatus, FileSystem, OpenFile } from '../../src/store/file-system';

const SECTOR_BYTES = 512;

export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'size'
  | 'list'
  | 'status'
  | 'makeDirectory'
  | 'rename'
  | 'link'
  | 'remove'
  | 'removeDirectory'
  | 'syncDirectory';

export interface DiskFault {
  operation: DiskOperation;
  /** Matching paths only; default all. */
  path?: RegExp;
  code: string;
  /** How many calls fail; default for ever. */
  times?: number;
  /** Writes only: the first call writes this many bytes and says so, as a full disk does; then the fault begins. */
  partial?: number;
}

/** What a power cut did to unsynced changes. */
export interface PowerCutLosses {
  writesLost: number;
  writesTorn: number;
  /** Writes that are there although an earlier one of the same file is not. */
  outOfOrder: number;
  namesLost: number;
}

type Change = { position: number; bytes: Buffer } | { truncate: number };
type NameChange = { name: string; node: Node | undefined };

/** The bytes of `content` and `synced` are never changed in place, so that copies of a disk share them. */
interface Node {
  id: bigint;
  /** What the page cache shows. */
  content: Buffer;
  /** What is on the disk. */
  synced: Buffer;
  unsynced: Change[];
  /** A failed sync, or a test, made `content` something else than `synced` with all of `unsynced`. */
  diverged: boolean;
  changedAt: bigint;
}

interface Directory {
  names: Map<string, Node>;
  syncedNames: Map<string, Node>;
  /** Each entry is one atomic change; a rename holds two. */
  unsynced: NameChange[][];
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export class MemoryDisk implements FileSystem {
  /** Bytes that all files together may take. */
  capacity = Number.POSITIVE_INFINITY;
  /** Calls so far that ask anything of the disk. */
  calls = 0;
  /** Calls so far by operation. */
  readonly counts: Partial<Record<DiskOperation, number>> = {};
  bytesRead = 0;
  bytesWritten = 0;
  /** Writes and syncs of data and names, in order, for messages: `write 1-00000001.mcpj`. */
  readonly log: string[] = [];

  /** Of the power cut that left this disk behind. */
  readonly losses: PowerCutLosses = { writesLost: 0, writesTorn: 0, outOfOrder: 0, namesLost: 0 };

  /** Called before each call, with its number. */
  onCall: ((call: number, operation: DiskOperation, path: string) => void | Promise<void>) | undefined;

  #directories = new Map<string, Directory>([['/', newDirectory()]]);
  #faults: DiskFault[] = [];
  #stopAt = Number.POSITIVE_INFINITY;
  #isDead = false;
  #stopped: () => void = () => undefined;
  #nextId = 1n;
  #time = 1n;
  #random: () => number;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  /** From now on calls that match fail. Returns a function that ends it. */
  fail(fault: DiskFault): () => void {
    const own = { ...fault };
    this.#faults.push(own);
    return () => {
      this.#faults = this.#faults.filter((other) => other !== own);
    };
  }

  /** Stops at call number `call` (from 1, counted on from `calls`): that call and all later ones never return. */
  stopAt(call: number): Promise<void> {
    this.#stopAt = this.calls + call;
    return new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /**
   * The process or the machine is gone: this disk answers nobody any more. Returns the disk as the next process finds
   * it; what a power cut leaves is chosen by `seed`.
   */
  crash(kind: 'process' | 'power', seed = 1): MemoryDisk {
    this.#isDead = true;
    const disk = this.clone(seed);
    if (kind === 'power') disk.#cutPower();
    return disk;
  }

  #cutPower(): void {
    for (const directory of this.#directories.values()) {
      const survivors = this.#survivors(directory.unsynced);
      this.losses.namesLost += directory.unsynced.length - survivors.length;
      for (const changes of survivors) applyNames(directory.syncedNames, changes);
      directory.names = new Map(directory.syncedNames);
      directory.unsynced = [];
    }
    const nodes = new Set([...this.#directories.values()].flatMap((directory) => [...directory.names.values()]));
    for (const node of nodes) {
      const survivors = this.#survivors(node.unsynced);
      this.losses.writesLost += node.unsynced.length - survivors.length;
      this.losses.outOfOrder += survivors.filter((change, index) => change !== node.unsynced[index]).length;
      for (const change of survivors) {
        const kept = this.#tear(change);
        if (kept !== change) this.losses.writesTorn += 1;
        node.synced = applyChange(node.synced, kept);
      }
      node.content = node.synced;
      node.unsynced = [];
      node.diverged = false;
    }
  }

  /** An independent copy of the disk as it is, with another seed. */
  clone(seed: number): MemoryDisk {
    const copy = new MemoryDisk(seed);
    copy.capacity = this.capacity;
    copy.#nextId = this.#nextId;
    const nodes = new Map<Node, Node>();
    const cloneNode = (node: Node): Node => {
      const known = nodes.get(node);
      if (known) return known;
      const made = { ...node, unsynced: [...node.unsynced] };
      nodes.set(node, made);
      return made;
    };
    const cloneNames = (names: Map<string, Node>) => new Map([...names].map(([name, node]) => [name, cloneNode(node)]));
    for (const [name, directory] of this.#directories) {
      copy.#directories.set(name, {
        names: cloneNames(directory.names),
        syncedNames: cloneNames(directory.syncedNames),
        unsynced: directory.unsynced.map((changes) =>
          changes.map((change) => ({ name: change.name, node: change.node && cloneNode(change.node) })),
        ),
      });
    }
    return copy;
  }

  /** The bytes of a file, to look at or to change under the program's feet (as a bad disk does). */
  contents(file: string): Buffer {
    const node = this.#node(file);
    node.content = Buffer.from(node.content);
    node.diverged = true;
    return node.content;
  }

  /** Puts a whole file on the disk, durably. */
  place(file: string, content: Buffer): void {
    const node = this.#newNode();
    node.content = Buffer.from(content);
    node.synced = node.content;
    const { names, syncedNames } = this.#directory(path.dirname(file), 'open');
    names.set(path.basename(file), node);
    syncedNames.set(path.basename(file), node);
  }

  get used(): number {
    const nodes = new Set([...this.#directories.values()].flatMap((directory) => [...directory.names.values()]));
    let used = 0;
    for (const node of nodes) used += node.content.length;
    return used;
  }

  async open(file: string, access: 'read' | 'write' | 'create'): Promise<OpenFile> {
    await this.#call('open', file);
    const directory = this.#directory(path.dirname(file), 'open');
    const name = path.basename(file);
    if (access === 'create') {
      if (directory.names.has(name)) throw systemError('EEXIST', 'open', file);
      this.#change(directory, [{ name, node: this.#newNode() }]);
    }
    return this.#openFile(this.#node(file), file, access !== 'read');
  }

  async makeDirectory(directory: string): Promise<void> {
    await this.#call('makeDirectory', directory);
    for (let name = directory; !this.#directories.has(name); name = path.dirname(name)) {
      this.#directories.set(name, newDirectory());
    }
  }

  async list(directory: string): Promise<string[]> {
    await this.#call('list', directory);
    const names = [...this.#directory(directory, 'scandir').names.keys()];
    for (const name of this.#directories.keys()) {
      if (name !== '/' && path.dirname(name) === directory) names.push(path.basename(name));
    }
    return names;
  }

  async status(file: string): Promise<FileStatus> {
    await this.#call('status', file);
    const common = { modifiedAt: 0 };
    if (this.#directories.has(file)) return { kind: 'directory', size: 0, inode: 0n, changeTime: 0n, ...common };
    const node = this.#node(file);
    return { kind: 'file', size: node.content.length, inode: node.id, changeTime: node.changedAt, ...common };
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call('rename', from);
    const directory = this.#directories.get(from);
    if (directory !== undefined) {
      // Without children that are directories, and on the disk at once, as all that concerns directories here.
      this.#directories.delete(from);
      this.#directories.set(to, directory);
      return;
    }
    const node = this.#node(from);
    if (path.dirname(from) !== path.dirname(to)) {
      this.#moveDurably(from, to, node);
      return;
    }
    this.#change(this.#directory(path.dirname(to), 'rename'), [
      { name: path.basename(from), node: undefined },
      { name: path.basename(to), node },
    ]);
  }

  /** Into another directory: one change of two directories, and on the disk at once, as all that concerns directories here. */
  #moveDurably(from: string, to: string, node: Node): void {
    const source = this.#directory(path.dirname(from), 'rename');
    const target = this.#directory(path.dirname(to), 'rename');
    for (const [directory, file] of [[source, from] as const, [target, to] as const]) {
      const name = path.basename(file);
      directory.unsynced = directory.unsynced
        .map((changes) => changes.filter((change) => change.name !== name))
        .filter((changes) => changes.length > 0);
      for (const names of [directory.names, directory.syncedNames]) names.delete(name);
    }
    for (const names of [target.names, target.syncedNames]) names.set(path.basename(to), node);
  }

  async link(from: string, to: string): Promise<void> {
    await this.#call('link', from);
    const node = this.#node(from);
    const directory = this.#directory(path.dirname(to), 'link');
    if (directory.names.has(path.basename(to))) throw systemError('EEXIST', 'link', to);
    this.#change(directory, [{ name: path.basename(to), node }]);
  }

  async remove(file: string): Promise<void> {
    await this.#call('remove', file);
    this.#node(file);
    this.#change(this.#directory(path.dirname(file), 'unlink'), [{ name: path.basename(file), node: undefined }]);
  }

  async removeDirectory(directory: string): Promise<void> {
    await this.#call('removeDirectory', directory);
    if (this.#directory(directory, 'rmdir').names.size > 0) throw systemError('ENOTEMPTY', 'rmdir', directory);
    this.#directories.delete(directory);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#call('syncDirectory', directory);
    const { names, unsynced, ...entry } = this.#directory(directory, 'fsync');
    this.#directories.set(directory, { ...entry, names, syncedNames: new Map(names), unsynced: [] });
  }

  async space(): Promise<{ free: number; total: number; network: boolean } | undefined> {
    return { free: this.capacity - this.used, total: this.capacity, network: false };
  }

  #openFile(node: Node, file: string, writable: boolean): OpenFile {
    let isOpen = true;
    const call = async (operation: DiskOperation) => {
      if (!isOpen) throw systemError('EBADF', operation, file);
      return await this.#call(operation, file, node);
    };
    return {
      read: async (target, offset, length, position) => {
        await call('read');
        const count = node.content.copy(target, offset, position, Math.min(node.content.length, position + length));
        this.bytesRead += count;
        return count;
      },
      write: async (source, offset, length, position) => {
        if (!writable) throw systemError('EBADF', 'write', file);
        if (!this.#isDead && this.calls + 1 === this.#stopAt) {
          const kept = Math.floor(this.#random() * (length + 1));
          this.#apply(node, { position, bytes: Buffer.from(source.subarray(offset, offset + kept)) });
        }
        const fault = await call('write');
        const growth = Math.max(0, position + length - node.content.length);
        const fitting = Math.max(0, length - Math.max(0, growth - Math.max(0, this.capacity - this.used)));
        const count = fault ? Math.min(fitting, fault.partial ?? 0) : fitting;
        if (fault) fault.partial = 0;
        if (count > 0) this.#apply(node, { position, bytes: Buffer.from(source.subarray(offset, offset + count)) });
        if (fault && count === 0) throw systemError(fault.code, 'write', file);
        if (count === 0 && length > 0) throw systemError('ENOSPC', 'write', file);
        this.bytesWritten += count;
        return count;
      },
      sync: async () => {
        const fault = await call('sync');
        const { unsynced } = node;
        node.unsynced = [];
        if (!fault) {
          if (node.diverged) for (const change of unsynced) node.synced = applyChange(node.synced, change);
          else node.synced = node.content;
          return;
        }
        node.diverged = true;
        for (const change of this.#survivors(unsynced)) node.synced = applyChange(node.synced, this.#tear(change));
        throw systemError(fault.code, 'fdatasync', file);
      },
      truncate: async (length) => {
        await call('truncate');
        this.#apply(node, { truncate: length });
      },
      size: async () => {
        await call('size');
        return node.content.length;
      },
      close: async () => {
        isOpen = false;
      },
    };
  }

  /** Counts, stops or fails the call. A fault is returned where the operation has to do something before it fails. */
  async #call(operation: DiskOperation, file: string, node?: Node): Promise<DiskFault | undefined> {
    if (this.#isDead) return await never();
    this.calls++;
    this.counts[operation] = (this.counts[operation] ?? 0) + 1;
    if (operation !== 'read' && operation !== 'size' && operation !== 'list') {
      this.log.push(`${operation} ${path.basename(file)}`);
    }
    const number = this.calls;
    if (number >= this.#stopAt) {
      this.#stopped();
      return await never();
    }
    await this.onCall?.(number, operation, file);
    await Promise.resolve();
    if (this.#isDead) return await never();
    const fault = this.#faults.find((one) => one.operation === operation && (one.path?.test(file) ?? true));
    if (!fault) return undefined;
    const isPartial = operation === 'write' && (fault.partial ?? 0) > 0;
    if (!isPartial && fault.times !== undefined && --fault.times <= 0)
      this.#faults = this.#faults.filter((one) => one !== fault);
    if (node && (operation === 'write' || operation === 'sync')) return fault;
    throw systemError(fault.code, operation, file);
  }

  #apply(node: Node, change: Change): void {
    node.content = applyChange(node.content, change);
    node.unsynced.push(change);
    node.changedAt = ++this.#time;
  }

  #change(directory: Directory, changes: NameChange[]): void {
    applyNames(directory.names, changes);
    directory.unsynced.push(changes);
  }

  /** What of unsynced changes reaches the disk all the same. */
  #survivors<T>(changes: readonly T[]): T[] {
    const choice = this.#random();
    if (choice < 0.25) return [];
    if (choice < 0.5) return [...changes];
    if (choice < 0.75) return changes.slice(0, Math.floor(this.#random() * (changes.length + 1)));
    return changes.filter(() => this.#random() < 0.5);
  }

  /** Perhaps only some sectors of a write. */
  #tear(change: Change): Change {
    if ('truncate' in change || this.#random() < 0.5) return change;
    const kept = Math.floor(this.#random() * (change.bytes.length + 1));
    if (this.#random() < 0.5) return { position: change.position, bytes: change.bytes.subarray(0, kept) };
    const skipped = Math.floor(kept / SECTOR_BYTES) * SECTOR_BYTES;
    return { position: change.position + skipped, bytes: change.bytes.subarray(skipped) };
  }

  #newNode(): Node {
    return {
      id: this.#nextId++,
      content: Buffer.alloc(0),
      synced: Buffer.alloc(0),
      unsynced: [],
      diverged: false,
      changedAt: ++this.#time,
    };
  }

  #directory(directory: string, operation: string): Directory {
    const found = this.#directories.get(directory);
    if (!found) throw systemError('ENOENT', operation, directory);
    return found;
  }

  #node(file: string): Node {
    const node = this.#directory(path.dirname(file), 'open').names.get(path.basename(file));
    if (!node) throw systemError(this.#directories.has(file) ? 'EISDIR' : 'ENOENT', 'open', file);
    return node;
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function newDirectory(): Directory {
  return { names: new Map(), syncedNames: new Map(), unsynced: [] };
}

function applyNames(names: Map<string, Node>, changes: readonly NameChange[]): void {
  for (const { name, node } of changes) {
    if (node) names.set(name, node);
    else names.delete(name);
  }
}

function applyChange(content: Buffer, change: Change): Buffer {
  if ('truncate' in change) {
    if (change.truncate <= content.length) return Buffer.from(content.subarray(0, change.truncate));
    return Buffer.concat([content, Buffer.alloc(change.truncate - content.length)]);
  }
  const end = change.position + change.bytes.length;
  if (change.bytes.length === 0) return content;
  const grown = Buffer.allocUnsafe(Math.max(end, content.length));
  content.copy(grown);
  if (change.position > content.length) grown.fill(0, content.length, change.position);
  change.bytes.copy(grown, change.position);
  return grown;
}

function systemError(code: string, operation: string, file: string): Error {
  return Object.assign(new Error(`${code}: ${operation} '${file}'`), { code });
}
