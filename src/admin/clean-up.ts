import * as path from 'node:path';
import { errorCode } from '../errors';
import { plausibleAge } from '../store/age';
import type { CleanUpResult } from '../store/clean-up';
import { DAY_MS } from '../store/dead-letters/dead-letters';
import { ifExists } from '../store/files';
import { nodeFileSystem } from '../store/node-file-system';
import { QUARANTINE_DIRECTORY, quarantinedAt } from '../store/quarantine';
import type { AdminContext } from './context';
import { hasDeadLetters } from './dead-letter-count';
import { DEAD_LETTERS_PER_PAGE_MAX, listDeadLetters } from './dead-letters';
import type { SessionInfo } from './session-info';
import { describeSession, listSessions } from './sessions';
import { readStored } from './stored-messages';

/**
 * Deletes the sessions that have expired and that no broker node uses, dead letters and damaged files that have been kept
 * long enough. What else cleans up now and then does the same.
 * @throws the errors of the file system; `failed` of the result says what could not be looked at.
 */
export function cleanUp({ store, live, keepFailedDays }: AdminContext): Promise<CleanUpResult> {
  return store.cleanUp({ isInUse: (clientId) => live(clientId) !== undefined, keepFailedDays });
}

/** What `cleanUp` would delete. */
export interface CleanUpPreview {
  /** Sessions that have expired, with all that they hold. */
  sessions: number;
  messages: number;
  messageBytes: number;
  /** Theirs, and those of other sessions that have been kept long enough. */
  deadLetters: number;
  /** Entries of the quarantine that have been kept long enough. */
  quarantined: number;
  /** Sessions that could not be counted: what they hold is not in the numbers. */
  uncounted: number;
}

/** Counts exactly: journals of expired sessions and files of dead letters are read. @throws the system's error. */
export async function previewCleanUp(context: AdminContext, now: number = Date.now()): Promise<CleanUpPreview> {
  const quarantined = await oldQuarantine(context, now);
  const preview = { sessions: 0, messages: 0, messageBytes: 0, deadLetters: 0, quarantined, uncounted: 0 };
  for (const session of await listSessions(context)) {
    const { clientId, expiryInterval, lastAccessAt, status } = session;
    if (clientId === '' || status === 'locked') continue;
    const isOver = expiryInterval > 0 && plausibleAge(lastAccessAt, now) > expiryInterval * 1000;
    if (status === 'stored' && isOver && context.live(clientId) === undefined) {
      const { messages, messageBytes, deadLetters, asOf } = await describeSession(context, clientId);
      preview.sessions += 1;
      preview.messages += messages;
      preview.messageBytes += messageBytes;
      preview.deadLetters += deadLetters.count ?? 0;
      if (asOf !== 'now' || deadLetters.count === undefined) preview.uncounted += 1;
    } else if (hasDeadLetters(session.deadLetters) && status !== 'opening') {
      const old = await oldDeadLetters(context, session, now);
      if (old === undefined) preview.uncounted += 1;
      else preview.deadLetters += old;
    }
  }
  return preview;
}

/** Undefined: somebody has opened the session meanwhile, or it cannot be read. */
async function oldDeadLetters(
  context: AdminContext,
  { clientId, status }: SessionInfo,
  now: number,
): Promise<number | undefined> {
  const isOld = (since: number) => plausibleAge(since, now) > context.keepFailedDays * DAY_MS;
  try {
    if (status !== 'stored') return await oldOfOpen(context, clientId, isOld);
    return await readStored(context, clientId, async (session) => {
      const stored = await session.deadLetters();
      if (stored === undefined) return 0;
      try {
        return stored.times.filter(isOld).length;
      } finally {
        await stored.close();
      }
    });
  } catch (error) {
    if (errorCode(error)?.startsWith('ERR_') === true) return undefined;
    throw error;
  }
}

async function oldOfOpen(context: AdminContext, clientId: string, isOld: (since: number) => boolean): Promise<number> {
  let count = 0;
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = await listDeadLetters(context, clientId, { after, limit: DEAD_LETTERS_PER_PAGE_MAX });
    count += page.deadLetters.filter(({ failedAt }) => isOld(failedAt)).length;
    after = page.next;
  }
  return count;
}

async function oldQuarantine({ store, keepFailedDays }: AdminContext, now: number): Promise<number> {
  const names = (await ifExists(nodeFileSystem.list(path.join(store.path, QUARANTINE_DIRECTORY)))) ?? [];
  return names.filter((name) => plausibleAge(quarantinedAt(name) ?? 0, now) > keepFailedDays * DAY_MS).length;
}
