import type { DeadLetterLimits, SessionJournal } from '../../../src/client/ports';
import type { FileSystem } from '../../../src/store/file-system';
import { sessionDirectoryName } from '../../../src/store/safe-name';
import { openSessionStore, type SessionStore, type StoreNotice } from '../../../src/store/session-store';
import { SyncLimiter } from '../../../src/store/sync-limiter';
import { factsOf, machine } from '../support';
import { message, type TextRecord, textCodec } from '../text-codec';

export const PATH = '/sessions';
export const DIRECTORY = `${PATH}/${sessionDirectoryName('plant')}`;
export const FAILED = `${DIRECTORY}/failed.mcpj`;

/** Waiting takes no time; the clock is set by tests. */
export class TestClock {
  time = 1_700_000_000_000;

  now(): number {
    return this.time;
  }

  after(_: number, task: () => void): () => void {
    const timer = setImmediate(task);
    return () => clearImmediate(timer);
  }
}

export interface TestSession {
  store: SessionStore;
  session: SessionJournal<TextRecord>;
  notices: StoreNotice[];
}

let processes = 0;

/** A name of its own for the storage path: within one process its sessions are registered by path. */
function asSeenByAnother(fileSystem: FileSystem): { fileSystem: FileSystem; path: string } {
  const root = `/process-${++processes}`;
  const real = (name: string) => (name === root ? '/' : name.slice(root.length));
  return {
    path: root + PATH,
    fileSystem: {
      open: (name, access) => fileSystem.open(real(name), access),
      makeDirectory: (name) => fileSystem.makeDirectory(real(name)),
      list: (name) => fileSystem.list(real(name)),
      status: (name) => fileSystem.status(real(name)),
      rename: (from, to) => fileSystem.rename(real(from), real(to)),
      link: (from, to) => fileSystem.link(real(from), real(to)),
      remove: (name) => fileSystem.remove(real(name)),
      removeDirectory: (name) => fileSystem.removeDirectory(real(name)),
      syncDirectory: (name) => fileSystem.syncDirectory(real(name)),
      space: (name) => fileSystem.space(real(name)),
    },
  };
}

/** Opens the session "plant" as process `pid`, for which no other one runs. */
export async function openPlant(
  fileSystem: FileSystem,
  {
    pid = machine.pid,
    clock = new TestClock(),
    ...limits
  }: DeadLetterLimits & { pid?: number; clock?: TestClock } = {},
): Promise<TestSession> {
  const notices: StoreNotice[] = [];
  const store = await openSessionStore({
    ...asSeenByAnother(fileSystem),
    scheduler: clock,
    syncLimiter: new SyncLimiter(2),
    holderFacts: factsOf({ ...machine, pid }, { [pid]: machine.processStart }),
    closeWaitMs: 0,
    onNotice: (notice) => notices.push(notice),
  });
  const session = await store.open('plant', textCodec, undefined, limits);
  return { store, session, notices };
}

/** Keeps messages, each under its text as key. */
export async function keep(session: SessionJournal<TextRecord>, ...kept: string[]): Promise<void> {
  await Promise.all(kept.map((text) => session.deadLetters.keep(text.slice(0, 100), message(text))));
}

/** All of them, in order. */
export async function listed(session: SessionJournal<TextRecord>): Promise<string[]> {
  const all: string[] = [];
  for (let after = 0; ; ) {
    const some = await session.deadLetters.list(after, 7);
    if (some.length === 0) return all;
    all.push(...some.map(({ record }) => record.text));
    after = some.at(-1)?.id ?? 0;
  }
}

export async function idsOf(session: SessionJournal<TextRecord>, ...wanted: string[]): Promise<number[]> {
  const all = await session.deadLetters.list(0, 1_000_000);
  return all.filter(({ record }) => wanted.includes(record.text)).map(({ id }) => id);
}
