import { constants, writeSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { errorCode } from '../errors';
import type { FileStatus, FileSystem, OpenFile } from './file-system';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** ELOOP for a symbolic link: nothing is read or written outside the storage path. Windows has no such flag. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
/** A named pipe is an error when it is read, in place of an opening that waits for ever. Files do not mind. */
const NO_WAIT = constants.O_NONBLOCK ?? 0;
const OPEN_FLAGS = {
  read: constants.O_RDONLY | NO_FOLLOW | NO_WAIT,
  write: constants.O_RDWR | NO_FOLLOW | NO_WAIT,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const;

/** Virus scanners and indexers on Windows hold files for some milliseconds after they were written. */
const BUSY_CODES = new Set(['EPERM', 'EBUSY', 'EACCES']);
const BUSY_DELAYS_MS = [10, 20, 40, 80, 160, 320, 500];

/** File systems that cannot sync a directory say so with these; Windows cannot even open one. */
const DIRECTORY_SYNC_UNSUPPORTED = new Set(['EINVAL', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP']);
const DIRECTORY_SYNC_UNSUPPORTED_WINDOWS = new Set([...DIRECTORY_SYNC_UNSUPPORTED, 'EISDIR', 'EACCES']);

/** statfs(2) types of file systems that other machines, or a machine around this one, may have open as well. */
const NETWORK_FILE_SYSTEMS = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x65735546, // FUSE: sshfs, virtiofs, s3fs
  0x01021997, // 9p
  0x5346414f, // AFS
  0x00c36400, // Ceph
  0x73757245, // Coda
  0x564c, // NCP
  0x47504653, // GPFS
  0x0bd00bd0, // Lustre
  0x19830326, // BeeGFS
  0x01161970, // GFS2
  0x7461636f, // OCFS2
  0x786f4256, // VirtualBox shared folder
  0x7c7c6673, // Parallels shared folder
  0xbacbacbc, // VMware shared folder
]);

/** The file system of this machine. */
export const nodeFileSystem: FileSystem = {
  async open(path, access) {
    return openFile(await fs.open(path, OPEN_FLAGS[access], FILE_MODE));
  },

  makeDirectory,

  list: (path) => fs.readdir(path),

  async status(path): Promise<FileStatus> {
    const stats = await fs.lstat(path, { bigint: true });
    return {
      kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other',
      size: Number(stats.size),
      inode: stats.ino,
      changeTime: stats.ctimeNs,
      modifiedAt: Number(stats.mtimeMs),
    };
  },

  rename: (from, to) => retryWhileBusy(() => fs.rename(from, to)),
  link: (from, to) => fs.link(from, to),
  remove: (path) => retryWhileBusy(() => fs.unlink(path)),
  removeDirectory: (path) => retryWhileBusy(() => fs.rmdir(path)),
  syncDirectory,

  async space(path) {
    const statistics = await fs.statfs(path, { bigint: true }).catch(ignore('ENOSYS'));
    if (statistics === undefined) return undefined;
    const { bsize, bavail, blocks, type } = statistics;
    return { free: Number(bavail * bsize), total: Number(blocks * bsize), network: isNetwork(path, type) };
  },
};

/** The type is a signed long on 32-bit machines. Windows has none; there the path tells. */
function isNetwork(path: string, type: bigint): boolean {
  if (process.platform === 'win32') return path.startsWith('\\\\');
  return process.platform === 'linux' && NETWORK_FILE_SYSTEMS.has(Number(BigInt.asUintN(32, type)));
}

function openFile(handle: fs.FileHandle): OpenFile {
  return {
    async read(target, offset, length, position) {
      return (await handle.read(target, offset, length, position)).bytesRead;
    },
    async write(source, offset, length, position) {
      return (await handle.write(source, offset, length, position)).bytesWritten;
    },
    writeNow: (source, offset, length, position) => writeSync(handle.fd, source, offset, length, position),
    sync: () => handle.datasync(),
    truncate: (length) => handle.truncate(length),
    async size() {
      return (await handle.stat()).size;
    },
    close: () => handle.close(),
  };
}

/** Not by `recursive`: that never returns where a file system answers ENOENT to a parent that exists (/proc). */
async function makeDirectory(directory: string): Promise<void> {
  const parent = path.dirname(directory);
  const create = async () => {
    await fs.mkdir(directory, { mode: DIRECTORY_MODE });
    // Where we may make names, but not read them, this cannot be done.
    await syncDirectory(parent).catch(ignore('EACCES'));
  };
  try {
    await create();
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && parent !== directory) {
      await makeDirectory(parent);
      await create().catch(ignore('EEXIST'));
    } else if (errorCode(error) !== 'EEXIST' || !(await fs.stat(directory)).isDirectory()) {
      throw error;
    }
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const unsupported = process.platform === 'win32' ? DIRECTORY_SYNC_UNSUPPORTED_WINDOWS : DIRECTORY_SYNC_UNSUPPORTED;
  const handle = await fs
    .open(directory, constants.O_RDONLY)
    .catch(ignore(...(process.platform === 'win32' ? unsupported : [])));
  if (handle === undefined) return;
  try {
    await handle.sync().catch(ignore(...unsupported));
  } finally {
    await handle.close();
  }
}

/** A `catch` handler that turns errors with one of `codes` into undefined and lets any other through. */
function ignore(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(errorCode(error) ?? '')) throw error;
    return undefined;
  };
}

async function retryWhileBusy(operation: () => Promise<void>): Promise<void> {
  for (const delayMs of BUSY_DELAYS_MS) {
    try {
      await operation();
      return;
    } catch (error) {
      if (!BUSY_CODES.has(errorCode(error) ?? '')) throw error;
    }
    await wait(delayMs);
  }
  await operation();
}
