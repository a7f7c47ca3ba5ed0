import * as path from 'node:path';
import type { FileStatus, FileSystem, OpenFile } from '../../src/store/file-system';

/** What one call asks of the disk, as `node-file-system.ts` asks it of the operating system. */
export type Call =
  | 'create'
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'size'
  | 'close'
  | 'list'
  | 'status'
  | 'makeDirectory'
  | 'rename'
  | 'link'
  | 'remove'
  | 'removeDirectory'
  | 'syncDirectory'
  | 'space';

/** One name in a directory now stands for `node`, or for nothing. */
export interface NameChange {
  directory: number;
  name: string;
  node: number | undefined;
}

/** A call that changed what the disk holds, or made changes durable. Files and directories by number. */
export type Operation = { label: string } & (
  | { kind: 'write'; file: number; position: number; bytes: Buffer }
  | { kind: 'truncate'; file: number; length: number }
  | { kind: 'sync'; file: number }
  | { kind: 'names'; changes: NameChange[] }
  | { kind: 'syncDirectory'; directory: number }
);

/** What a disk holds: content of files, names in directories. `ROOT` is the directory of all. */
export interface DiskState {
  files: Map<number, Buffer>;
  directories: Map<number, Map<string, number>>;
}

export const ROOT = 0;

interface FileNode {
  /** The first `size` bytes count; behind them is room to grow. */
  bytes: Buffer;
  size: number;
  /** The buffer is this disk's alone. */
  isOwn: boolean;
  changedAt: bigint;
}

/**
 * A file system in memory that writes down what is done to it, in order. The first part of each path is passed over, so
 * that each process has names of its own for the same files (what the store keeps per process is told apart by path).
 * Calls have the effects and errors that they have through `node-file-system.ts`; `recording-disk.test.ts` compares.
 */
export class RecordingDisk implements FileSystem {
  /** Bytes that all files together may take. */
  capacity = Number.POSITIVE_INFINITY;
  readonly log: Operation[] = [];
  /** Paths of files that are open now. */
  readonly openFiles = new Set<{ path: string }>();
  /** Called before each call; what it throws is the call's error. */
  onCall: ((call: Call, path: string) => void) | undefined;
  /** A failed sync drops what was not synced: no later sync brings it to the disk. */
  readonly dropped = new Set<Operation>();
  readonly #files = new Map<number, FileNode>();
  readonly #directories = new Map<number, Map<string, number>>();
  #nextNode = 1;
  #time = 1n;

  constructor(state?: DiskState) {
    this.#directories.set(ROOT, new Map());
    if (state === undefined) return;
    for (const [id, names] of state.directories) this.#directories.set(id, new Map(names));
    for (const [id, bytes] of state.files) {
      this.#files.set(id, { bytes, size: bytes.length, isOwn: false, changedAt: 1n });
    }
    this.#nextNode = Math.max(...this.#directories.keys(), ...this.#files.keys()) + 1;
  }

  /** What is on it now. */
  state(): DiskState {
    const files = new Map([...this.#files].map(([id, node]) => [id, Buffer.from(node.bytes.subarray(0, node.size))]));
    return { files, directories: new Map([...this.#directories].map(([id, names]) => [id, new Map(names)])) };
  }

  /** Content of a file. @throws ENOENT. */
  content(file: string): Buffer {
    const { node } = this.#file(file, 'open');
    return Buffer.from(node.bytes.subarray(0, node.size));
  }

  /** The paths of all files, without the first part. */
  paths(): string[] {
    const found: string[] = [];
    const walk = (directory: number, prefix: string): void => {
      for (const [name, node] of this.#directories.get(directory) ?? []) {
        if (this.#directories.has(node)) walk(node, `${prefix}/${name}`);
        else found.push(`${prefix}/${name}`);
      }
    };
    walk(ROOT, '');
    return found.sort();
  }

  async open(file: string, access: 'read' | 'write' | 'create'): Promise<OpenFile> {
    this.#called(access === 'create' ? 'create' : 'open', file);
    const { directory, name } = this.#place(file, 'open');
    let id = this.#directories.get(directory)?.get(name);
    if (access === 'create') {
      if (id !== undefined) throw systemError('EEXIST', 'open', file);
      id = this.#nextNode++;
      this.#files.set(id, { bytes: Buffer.alloc(0), size: 0, isOwn: true, changedAt: ++this.#time });
      this.#changeNames(`create ${file}`, [{ directory, name, node: id }]);
    }
    if (id === undefined) throw systemError('ENOENT', 'open', file);
    const node = this.#files.get(id);
    if (node === undefined) throw systemError('EISDIR', 'open', file);
    return this.#openFile(id, node, file, access !== 'read');
  }

  async makeDirectory(directory: string): Promise<void> {
    const parts = partsOf(directory);
    let parent = ROOT;
    for (const [index, name] of parts.entries()) {
      const id = this.#directories.get(parent)?.get(name);
      if (id !== undefined) {
        const isLast = index === parts.length - 1;
        if (!this.#directories.has(id)) throw systemError(isLast ? 'EEXIST' : 'ENOTDIR', 'mkdir', directory);
        if (isLast) this.#called('makeDirectory', directory);
        parent = id;
        continue;
      }
      this.#called('makeDirectory', directory);
      const made = this.#nextNode++;
      this.#directories.set(made, new Map());
      this.#changeNames(`makeDirectory ${directory}`, [{ directory: parent, name, node: made }]);
      try {
        this.#called('syncDirectory', path.dirname(directory));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
      }
      this.log.push({ label: `syncDirectory around ${directory}`, kind: 'syncDirectory', directory: parent });
      parent = made;
    }
  }

  async list(directory: string): Promise<string[]> {
    this.#called('list', directory);
    return [...this.#directory(directory, 'scandir').names.keys()];
  }

  async status(file: string): Promise<FileStatus> {
    this.#called('status', file);
    if (partsOf(file).length === 0) return directoryStatus(ROOT);
    const { directory, name } = this.#place(file, 'lstat');
    const id = this.#directories.get(directory)?.get(name);
    if (id === undefined) throw systemError('ENOENT', 'lstat', file);
    const node = this.#files.get(id);
    if (node === undefined) return directoryStatus(id);
    return { kind: 'file', size: node.size, inode: BigInt(id), changeTime: node.changedAt, modifiedAt: 0 };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#called('rename', from);
    const source = this.#place(from, 'rename');
    const target = this.#place(to, 'rename');
    const id = this.#directories.get(source.directory)?.get(source.name);
    if (id === undefined) throw systemError('ENOENT', 'rename', from);
    const replaced = this.#directories.get(target.directory)?.get(target.name);
    if (this.#directories.has(id) && `${to}/`.startsWith(`${from}/`) && to !== from) {
      throw systemError('EINVAL', 'rename', to);
    }
    if (from.startsWith(`${to}/`)) throw systemError('ENOTEMPTY', 'rename', to);
    if (replaced === id) return;
    if (replaced !== undefined) this.#requireReplaceable(id, replaced, to);
    this.#changeNames(`rename ${from} to ${to}`, [
      { ...target, node: id },
      { ...source, node: undefined },
    ]);
  }

  #requireReplaceable(id: number, replaced: number, to: string): void {
    const names = this.#directories.get(replaced);
    if (this.#directories.has(id)) {
      if (names === undefined) throw systemError('ENOTDIR', 'rename', to);
      if (names.size > 0) throw systemError('ENOTEMPTY', 'rename', to);
    } else if (names !== undefined) {
      throw systemError('EISDIR', 'rename', to);
    }
  }

  async link(from: string, to: string): Promise<void> {
    this.#called('link', from);
    const source = this.#place(from, 'link');
    if (!this.#directories.get(source.directory)?.has(source.name)) throw systemError('ENOENT', 'link', from);
    const target = this.#place(to, 'link');
    if (this.#directories.get(target.directory)?.has(target.name)) throw systemError('EEXIST', 'link', to);
    const { id } = this.#file(from, 'link');
    this.#changeNames(`link ${from} to ${to}`, [{ ...target, node: id }]);
  }

  async remove(file: string): Promise<void> {
    this.#called('remove', file);
    this.#file(file, 'unlink');
    this.#changeNames(`remove ${file}`, [{ ...this.#place(file, 'unlink'), node: undefined }]);
  }

  async removeDirectory(directory: string): Promise<void> {
    this.#called('removeDirectory', directory);
    if (this.#directory(directory, 'rmdir').names.size > 0) throw systemError('ENOTEMPTY', 'rmdir', directory);
    this.#changeNames(`removeDirectory ${directory}`, [{ ...this.#place(directory, 'rmdir'), node: undefined }]);
  }

  async syncDirectory(directory: string): Promise<void> {
    this.#called('syncDirectory', directory);
    const { id } = this.#directory(directory, 'open');
    this.log.push({ label: `syncDirectory ${directory}`, kind: 'syncDirectory', directory: id });
  }

  async space(file: string): Promise<{ free: number; total: number; network: boolean } | undefined> {
    this.#called('space', file);
    return { free: this.capacity - this.used, total: this.capacity, network: false };
  }

  /** Bytes that files with a name take. */
  get used(): number {
    const named = new Set([...this.#directories.values()].flatMap((names) => [...names.values()]));
    let used = 0;
    for (const [id, { size }] of this.#files) if (named.has(id)) used += size;
    return used;
  }

  #openFile(id: number, node: FileNode, file: string, isWritable: boolean): OpenFile {
    const entry = { path: file };
    this.openFiles.add(entry);
    const called = (call: Call) => {
      if (!this.openFiles.has(entry)) throw systemError('EBADF', call, file);
      this.#called(call, file);
    };
    return {
      read: async (target, offset, length, position) => {
        called('read');
        const end = Math.min(node.size, position + length);
        return end <= position ? 0 : node.bytes.copy(target, offset, position, end);
      },
      write: async (source, offset, length, position) => {
        if (!isWritable) throw systemError('EBADF', 'write', file);
        called('write');
        const growth = Math.max(0, position + length - node.size);
        const room = Number.isFinite(this.capacity) ? Math.max(0, this.capacity - this.used) : growth;
        const fitting = Math.max(0, Math.min(length, length - growth + room));
        if (fitting === 0 && length > 0) throw systemError('ENOSPC', 'write', file);
        const bytes = Buffer.from(source.subarray(offset, offset + fitting));
        this.#write(node, position, bytes);
        this.log.push({ label: `write ${file} ${position}+${fitting}`, kind: 'write', file: id, position, bytes });
        return fitting;
      },
      sync: async () => {
        try {
          called('sync');
        } catch (error) {
          this.#dropUnsynced(id);
          throw error;
        }
        this.log.push({ label: `sync ${file}`, kind: 'sync', file: id });
      },
      truncate: async (length) => {
        if (!isWritable) throw systemError('EINVAL', 'ftruncate', file);
        called('truncate');
        if (length > node.size) this.#write(node, node.size, Buffer.alloc(length - node.size));
        node.size = length;
        node.changedAt = ++this.#time;
        this.log.push({ label: `truncate ${file} ${length}`, kind: 'truncate', file: id, length });
      },
      size: async () => {
        called('size');
        return node.size;
      },
      // As the operating system does: the descriptor is free also when it answers with an error.
      close: async () => {
        const isOpen = this.openFiles.has(entry);
        this.openFiles.delete(entry);
        if (!isOpen) throw systemError('EBADF', 'close', file);
        this.#called('close', file);
      },
    };
  }

  #called(call: Call, file: string): void {
    this.onCall?.(call, file);
  }

  #dropUnsynced(file: number): void {
    for (let index = this.log.length - 1; index >= 0; index--) {
      const operation = this.log[index] as Operation;
      if (operation.kind === 'sync' && operation.file === file) return;
      if ((operation.kind === 'write' || operation.kind === 'truncate') && operation.file === file) {
        this.dropped.add(operation);
      }
    }
  }

  #write(node: FileNode, position: number, bytes: Buffer): void {
    const end = Math.max(node.size, position + bytes.length);
    if (!node.isOwn || end > node.bytes.length) {
      const grown = Buffer.alloc(node.isOwn ? Math.max(end, node.bytes.length * 2) : end);
      node.bytes.copy(grown, 0, 0, node.size);
      node.bytes = grown;
      node.isOwn = true;
    }
    if (position > node.size) node.bytes.fill(0, node.size, position);
    bytes.copy(node.bytes, position);
    node.size = end;
    node.changedAt = ++this.#time;
  }

  #changeNames(label: string, changes: NameChange[]): void {
    for (const { directory, name, node } of changes) {
      const names = this.#directories.get(directory);
      if (node === undefined) names?.delete(name);
      else names?.set(name, node);
    }
    this.log.push({ label, kind: 'names', changes });
  }

  #directory(directory: string, call: string): { id: number; names: Map<string, number> } {
    let id: number | undefined = ROOT;
    for (const name of partsOf(directory)) {
      const names = this.#directories.get(id);
      if (names === undefined) throw systemError('ENOTDIR', call, directory);
      id = names.get(name);
      if (id === undefined) throw systemError('ENOENT', call, directory);
    }
    const names = this.#directories.get(id);
    if (names === undefined) throw systemError('ENOTDIR', call, directory);
    return { id, names };
  }

  #place(file: string, call: string): { directory: number; name: string } {
    try {
      return { directory: this.#directory(path.dirname(file), call).id, name: path.basename(file) };
    } catch (error) {
      throw systemError((error as NodeJS.ErrnoException).code ?? 'ENOENT', call, file);
    }
  }

  #file(file: string, call: string): { id: number; node: FileNode } {
    const { directory, name } = this.#place(file, call);
    const id = this.#directories.get(directory)?.get(name);
    if (id === undefined) throw systemError('ENOENT', call, file);
    const node = this.#files.get(id);
    if (node === undefined) throw systemError(call === 'link' ? 'EPERM' : 'EISDIR', call, file);
    return { id, node };
  }
}

export function systemError(code: string, call: string, file: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${file}'`), { code });
}

function partsOf(file: string): string[] {
  return file
    .split('/')
    .filter((part) => part !== '')
    .slice(1);
}

function directoryStatus(id: number): FileStatus {
  return { kind: 'directory', size: 0, inode: BigInt(id), changeTime: 0n, modifiedAt: 0 };
}
