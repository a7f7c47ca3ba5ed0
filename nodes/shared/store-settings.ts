import * as os from 'node:os';
import * as path from 'node:path';
import { SessionError } from '../../src/errors';
import { numberOf, textOf } from './config-values';

/** Where and how sessions are stored. */
export interface StoreSettings {
  /** Absolute. */
  path: string;
  durability: 'always' | 'interval' | 'os';
  /** Bytes of each session. */
  maxBytes: number;
  whenFull: 'reject' | 'dropOldest';
  /** Seconds after the last access at which a session expires, 0: never. */
  expiry: number;
  /** Seconds between two rounds of clean-up, 0: none. */
  cleanupInterval: number;
  /** Days for which dead letters and what is in quarantine are kept; 0: no dead letters are kept. */
  keepFailed: number;
}

const DEFAULT_FOLDER = 'mqtt-sessions';
const DEFAULT_CLEANUP_INTERVAL_S = 3600;
const DEFAULT_KEEP_FAILED_DAYS = 30;
const DEFAULT_MAX_BYTES = 1024 * 1024 * 1024;

/**
 * The settings of a store node; those of the default store for an empty configuration. A relative path starts in
 * Node-RED's user directory. Where that is not known (Node-RED embedded with a storage of its own), `.node-red` in the
 * home directory takes its place, which is Node-RED's default.
 * @throws SessionError `ERR_STORE_PATH` when that is needed and this user has no home directory.
 */
export function storeSettings(config: Readonly<Record<string, unknown>>, userDir: string | undefined): StoreSettings {
  const { durability } = config;
  const maxBytes = numberOf(config.maxSize, DEFAULT_MAX_BYTES);
  return {
    path: absolutePath(textOf(config.path) ?? DEFAULT_FOLDER, userDir),
    durability: durability === 'interval' || durability === 'os' ? durability : 'always',
    maxBytes: maxBytes >= 1 ? maxBytes : DEFAULT_MAX_BYTES,
    whenFull: config.whenFull === 'dropOldest' ? 'dropOldest' : 'reject',
    expiry: Math.max(0, Math.trunc(numberOf(config.expiry, 0))),
    cleanupInterval: Math.max(0, Math.trunc(numberOf(config.cleanupInterval, DEFAULT_CLEANUP_INTERVAL_S))),
    keepFailed: Math.max(0, numberOf(config.keepFailed, DEFAULT_KEEP_FAILED_DAYS)),
  };
}

function absolutePath(folder: string, userDir: string | undefined): string {
  if (path.isAbsolute(folder)) return path.resolve(folder);
  return path.resolve(userDir ?? path.join(homeDirectory(folder), '.node-red'), folder);
}

/** A process in a container may run under a user that the system does not know. */
function homeDirectory(folder: string): string {
  try {
    return os.homedir();
  } catch (cause) {
    throw new SessionError(
      'ERR_STORE_PATH',
      `There is no place for the sessions' folder "${folder}": Node-RED has no user directory, and this user no home ` +
        `directory (${(cause as Error).message}). Give the session store an absolute path, or set HOME.`,
      { cause, details: { path: folder } },
    );
  }
}
