import type { CleanUpResult } from '../store/clean-up';
import type { AdminContext } from './context';

/**
 * Deletes the sessions that have expired and that no broker node uses, dead letters and damaged files that have been kept
 * long enough. What else cleans up now and then does the same.
 * @throws the errors of the file system; `failed` of the result says what could not be looked at.
 */
export function cleanUp({ store, live, keepFailedDays }: AdminContext): Promise<CleanUpResult> {
  return store.cleanUp({ isInUse: (clientId) => live(clientId) !== undefined, keepFailedDays });
}
