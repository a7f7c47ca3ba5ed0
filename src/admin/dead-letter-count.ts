import type { DeadLetterCount } from '../store/dead-letters/stored-count';

/** Whether there are any, or may be. Also runs in the editor. */
export function hasDeadLetters({ count, bytes }: DeadLetterCount): boolean {
  return count === undefined ? bytes > 0 : count > 0;
}
