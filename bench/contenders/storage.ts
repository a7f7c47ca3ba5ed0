import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { library } from '../built';
import { serveStorage } from './serve-storage';

/**
 * Ways to keep records on the disk, named by the environment variable STORAGE. All take the same records in groups of the
 * same size, and each group is synced before it counts.
 */
export interface Storage {
  /** Stores records with ascending numbers; resolves when the last one is on the disk. */
  append(records: number, body: Buffer, group: number): Promise<void>;
  close(): Promise<void>;
}

type OpenStorage = (path: string) => Promise<Storage>;

const RECORD_KIND = 0x81;
const codec = {
  kind: () => RECORD_KIND,
  size: (record: Buffer) => record.length,
  write: (record: Buffer, target: Buffer, offset: number) => offset + record.copy(target, offset),
  read: (_kind: number, body: Buffer) => body,
};

/** What the databases are keyed by: eight bytes, big-endian, so that their order is the order of the numbers. */
function keyOf(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeBigUInt64BE(BigInt(sequence));
  return key;
}

/** The groups of `records`, each as the numbers of its first and its last record. */
function* groups(first: number, records: number, group: number): Iterable<[first: number, last: number]> {
  for (let from = first; from < first + records; from += group) {
    yield [from, Math.min(from + group, first + records) - 1];
  }
}

/** While a group is synced, the next one is gathered. */
const ours: OpenStorage = async (path) => {
  const store = await library.openSessionStore({ path });
  const session = await store.open('bench-storage', codec, undefined);
  let stored = 0;
  return {
    async append(records, body, group) {
      const until = stored + records;
      let appended = stored;
      const gather = (): void => {
        for (let count = Math.min(group, until - appended); count > 0; count--) session.append(++appended, body);
      };
      await new Promise<void>((resolve, reject) => {
        session.events = {
          durable: (sequence) => {
            stored = sequence;
            if (sequence >= until) resolve();
            else gather();
          },
          failed: reject,
          checkpointDue: () => undefined,
          lost: reject,
        };
        gather();
        // When the first group is on its way.
        setImmediate(gather);
      });
    },
    async close() {
      await session.close();
      await store.close();
    },
  };
};

/** The physical limit: one write and one fdatasync a group; no headers, checksums, segments, or index. */
const rawAppend: OpenStorage = async (path) => {
  const file = await open(join(path, 'raw'), 'w');
  return {
    async append(records, body, group) {
      // With as many bytes as our framing has.
      const record = Buffer.alloc(body.length + 17, 'x');
      for (const [first, last] of groups(0, records, group)) {
        await file.write(Buffer.concat(Array.from({ length: last - first + 1 }, () => record)));
        await file.datasync();
      }
    },
    close: () => file.close(),
  };
};

// As far as they are used: the project is checked without the peers, which the benchmarks install.
interface ClassicLevelModule {
  ClassicLevel: new (
    path: string,
    options: { keyEncoding: 'buffer'; valueEncoding: 'buffer' },
  ) => {
    open(): Promise<void>;
    batch(): { put(key: Buffer, value: Buffer): unknown; write(options: { sync: boolean }): Promise<void> };
    close(): Promise<void>;
  };
}

interface LmdbModule {
  open(options: { path: string; encoding: 'binary'; overlappingSync: boolean }): {
    put(key: number, value: Buffer): Promise<boolean>;
    transaction(action: () => void): Promise<void>;
    close(): Promise<void>;
  };
}

const classicLevel: OpenStorage = async (path) => {
  const { ClassicLevel } = require('classic-level') as ClassicLevelModule;
  const database = new ClassicLevel(path, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await database.open();
  let next = 0;
  return {
    async append(records, body, group) {
      for (const [first, last] of groups(next, records, group)) {
        const batch = database.batch();
        for (let sequence = first; sequence <= last; sequence++) batch.put(keyOf(sequence), body);
        await batch.write({ sync: true });
      }
      next += records;
    },
    close: () => database.close(),
  };
};

const lmdb: OpenStorage = async (path) => {
  const { open: openLmdb } = require('lmdb') as LmdbModule;
  // Without `overlappingSync` a transaction resolves when it is on the disk.
  const database = openLmdb({ path, encoding: 'binary', overlappingSync: false });
  let next = 0;
  return {
    async append(records, body, group) {
      for (const [first, last] of groups(next, records, group)) {
        await database.transaction(() => {
          for (let sequence = first; sequence <= last; sequence++) void database.put(sequence, body);
        });
      }
      next += records;
    },
    close: () => database.close(),
  };
};

/** Its calls are synchronous: nothing else runs in the process while it syncs. */
const nodeSqlite: OpenStorage = async (path) => {
  const { DatabaseSync } = require('node:sqlite') as NodeSqlite;
  const database = new DatabaseSync(join(path, 'queue.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE queue (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL)');
  const insert = database.prepare('INSERT INTO queue VALUES (?, ?)');
  let next = 0;
  return {
    async append(records, body, group) {
      for (const [first, last] of groups(next, records, group)) {
        database.exec('BEGIN');
        for (let sequence = first; sequence <= last; sequence++) insert.run(sequence, body);
        database.exec('COMMIT');
      }
      next += records;
    },
    async close() {
      database.close();
    },
  };
};

/** What is used of `node:sqlite`, which the types of the oldest supported Node.js do not know. */
interface NodeSqlite {
  DatabaseSync: new (
    path: string,
  ) => {
    exec(statements: string): void;
    prepare(statement: string): { run(...values: unknown[]): unknown };
    close(): void;
  };
}

const storages: Readonly<Record<string, OpenStorage>> = { ours, rawAppend, classicLevel, lmdb, nodeSqlite };

serveStorage(async (path) => {
  const name = process.env.STORAGE ?? '';
  const openStorage = storages[name];
  if (openStorage === undefined) throw new Error(`There is no storage "${name}"`);
  return openStorage(path);
});
