import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { errorCode } from '../errors';
import { ifExists } from './files';
import { nodeFileSystem } from './node-file-system';
import { spaceFloor } from './space-monitor';
import { probeName } from './storage-path';

/** What is known of a place for sessions before anything is stored there. */
export interface StoragePathTest {
  /** Absolute. */
  path: string;
  /** False: it would be made. */
  exists: boolean;
  /** Why nothing can be stored there: the system's code. Absent: a file was written there, synced and removed. */
  problem?: string;
  /** Bytes; absent where the file system does not tell. */
  freeBytes?: number;
  /** Below this nothing new is stored. */
  floorBytes?: number;
  /** Other machines may have it open as well, and syncing means what the server makes of it. */
  isNetwork?: boolean;
  /** False: names of files may be lost with the power, though their content was synced. */
  syncsDirectories?: boolean;
}

/**
 * Tries whether `storagePath` can hold sessions, and leaves nothing there: a directory that is missing is not made, but
 * one beside it is, for the moment of the test. Nothing that is there is read.
 * @throws what the system says besides "no".
 */
export async function testStoragePath(storagePath: string): Promise<StoragePathTest> {
  const absolute = path.resolve(storagePath);
  const test: StoragePathTest = { path: absolute, exists: false };
  try {
    const existing = await nearestDirectory(absolute);
    test.exists = existing === absolute;
    const space = await nodeFileSystem.space(existing);
    if (space !== undefined) {
      test.freeBytes = space.free;
      test.floorBytes = spaceFloor(space.total);
      test.isNetwork = space.network;
    }
    test.syncsDirectories = test.exists ? await probe(existing) : await probeInNewDirectory(existing);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    test.problem = code;
  }
  return test;
}

/** The directory itself, or the nearest above it that exists. @throws the system's error. */
async function nearestDirectory(directory: string): Promise<string> {
  const status = await ifExists(fs.stat(directory));
  if (status === undefined) {
    // A symbolic link that leads nowhere is in the way.
    if ((await ifExists(fs.lstat(directory))) !== undefined) throw systemError('ENOENT');
    const parent = path.dirname(directory);
    // A drive that is not there.
    if (parent === directory) throw systemError('ENOENT');
    return nearestDirectory(parent);
  }
  if (!status.isDirectory()) throw systemError('ENOTDIR');
  return directory;
}

/** @returns whether the directory can be synced. @throws the system's error. */
async function probe(directory: string): Promise<boolean> {
  const file = path.join(directory, probeName());
  const handle = await nodeFileSystem.open(file, 'create');
  try {
    await handle.write(Buffer.of(0), 0, 1, 0);
    await handle.sync();
  } finally {
    await handle.close();
    await nodeFileSystem.remove(file);
  }
  return syncsDirectory(directory);
}

async function probeInNewDirectory(parent: string): Promise<boolean> {
  const directory = path.join(parent, probeName());
  await fs.mkdir(directory, { mode: 0o700 });
  try {
    return await probe(directory);
  } finally {
    await nodeFileSystem.removeDirectory(directory);
  }
}

/** A refusal is an answer, whatever its code: with it the store goes on without. */
async function syncsDirectory(directory: string): Promise<boolean> {
  try {
    const handle = await fs.open(directory, constants.O_RDONLY);
    try {
      await handle.sync();
      return true;
    } finally {
      await handle.close();
    }
  } catch {
    return false;
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
