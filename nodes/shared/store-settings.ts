import * as os from 'node:os';
import * as path from 'node:path';
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
}

const DEFAULT_FOLDER = 'mqtt-sessions';
const DEFAULT_MAX_BYTES = 1024 * 1024 * 1024;

/**
 * The settings of a store node; those of the default store for an empty configuration. A relative path starts in
 * Node-RED's user directory. Where that is not known (Node-RED embedded with a storage of its own), `.node-red` in the
 * home directory takes its place, which is Node-RED's default.
 */
export function storeSettings(config: Readonly<Record<string, unknown>>, userDir: string | undefined): StoreSettings {
  const base = userDir ?? path.join(os.homedir(), '.node-red');
  const { durability } = config;
  const maxBytes = numberOf(config.maxSize, DEFAULT_MAX_BYTES);
  return {
    path: path.resolve(base, textOf(config.path) ?? DEFAULT_FOLDER),
    durability: durability === 'interval' || durability === 'os' ? durability : 'always',
    maxBytes: maxBytes >= 1 ? maxBytes : DEFAULT_MAX_BYTES,
    whenFull: config.whenFull === 'dropOldest' ? 'dropOldest' : 'reject',
    expiry: Math.max(0, Math.trunc(numberOf(config.expiry, 0))),
  };
}
