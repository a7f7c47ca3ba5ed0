import type { CleanUpResult, Removal } from '../../src/store/clean-up';
import type { CleanUpUser } from '../../src/store/clean-up-timer';
import type { StoreNotice } from '../../src/store/session-store';
import type { StoreSettings } from './store-settings';
import type { Translate } from './texts';

/** Where a store says what happens in it: a store node, or Node-RED's log for the default store. */
export interface StoreLog {
  debug(text: string): void;
  log(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

/** Logs what a store finds while its sessions are open. */
export function noticesTo(log: StoreLog): (notice: StoreNotice) => void {
  return ({ clientId, level, text }) => log[level === 'info' ? 'log' : level](`Session "${clientId}": ${text}`);
}

/** Cleans up as the settings of a store say, and logs each removal at debug and the sum of a round at info. */
export function cleanUpUser(
  { cleanupInterval, keepFailed, path }: StoreSettings,
  isInUse: (clientId: string) => boolean,
  log: StoreLog,
  translate: Translate,
): CleanUpUser {
  return {
    interval: cleanupInterval,
    keepFailedDays: keepFailed,
    isInUse,
    removed: (removal) => log.debug(translate(`log.removed-${removal.kind}`, textValues(removal))),
    ended: (result) => {
      if (result.sessions.length + result.deadLetters + result.quarantined > 0) {
        log.log(translate('log.cleaned-up', { path, ...sumOf(result) }));
      }
      const [first] = result.failed;
      if (first === undefined) return;
      const { length: count } = result.failed;
      log.warn(translate('log.clean-up-failed', { count, path: first.path, reason: first.error.message }));
    },
    failed: (error) => log.warn(translate('log.clean-up-failed', { count: 1, path, reason: error.message })),
  };
}

function textValues({ kind, ...values }: Removal): Record<string, unknown> {
  return values;
}

function sumOf({ sessions, deadLetters, quarantined }: CleanUpResult): Record<string, number> {
  return {
    sessions: sessions.length,
    messages: sessions.reduce((sum, { messages }) => sum + messages, 0),
    sessionDeadLetters: sessions.reduce((sum, session) => sum + session.deadLetters, 0),
    deadLetters,
    quarantined,
  };
}
