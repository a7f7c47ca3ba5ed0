/** An open file. Positions are explicit, so that a retried or late call can never land elsewhere. */
export interface OpenFile {
  /** Reads up to `length` bytes; resolves to the number read, 0 at the end of the file. */
  read(target: Buffer, offset: number, length: number, position: number): Promise<number>;
  /** Writes up to `length` bytes; resolves to the number written, which may be smaller (a full disk does that). */
  write(source: Buffer, offset: number, length: number, position: number): Promise<number>;
  /**
   * As `write`, done when it returns: for where that is a copy into a page cache. It may block like any write. A file
   * system without such a thing leaves it out.
   */
  writeNow?(source: Buffer, offset: number, length: number, position: number): number;
  /** Flushes data and what is needed to read it back (fdatasync). */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Size in bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface FileStatus {
  kind: 'file' | 'directory' | 'other';
  size: number;
  /** Identity of the file behind the name; `changeTime` in nanoseconds. Together they tell a replaced file. */
  inode: bigint;
  changeTime: bigint;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
}

/**
 * What the store asks of a file system; few enough calls that a simulated disk can answer them all.
 * Errors are Node's, with `code` ENOENT, EEXIST, ENOSPC, EIO, ...
 */
export interface FileSystem {
  /**
   * `read`: existing, read only. `write`: existing, read and write. `create`: must not exist; mode 0600. A symbolic link
   * is not followed, but an error.
   */
  open(path: string, access: 'read' | 'write' | 'create'): Promise<OpenFile>;
  /** Creates the directory and its parents where missing; mode 0700. Their names are durable if nothing interrupts it. */
  makeDirectory(path: string): Promise<void>;
  /** Names in the directory, without `.` and `..`. */
  list(path: string): Promise<string[]>;
  /** Does not follow a symbolic link (kind `other`). */
  status(path: string): Promise<FileStatus>;
  rename(from: string, to: string): Promise<void>;
  /** Fails with EEXIST when `to` exists. */
  link(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  /** Makes names in the directory durable. Where the platform cannot, it resolves (see `node-file-system.ts`). */
  syncDirectory(path: string): Promise<void>;
  /** Space of the file system that holds `path`, in bytes. `undefined` where it is not known. */
  space(path: string): Promise<{ free: number; total: number; network: boolean } | undefined>;
}
