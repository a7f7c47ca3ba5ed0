import type { Session } from './types';

/** In the order of their buttons. */
export const ACTIONS = [
  'connect',
  'disconnect',
  'pause',
  'resume',
  'flush',
  'replay',
  'export',
  'import',
  'adopt',
  'save',
  'load',
  'reset-stats',
  'purge',
  'discard',
  'delete',
] as const;
export type Action = (typeof ACTIONS)[number];

/** Those that make sense for a session as it is now: a button that can only fail is not there. */
export function possibleActions(session: Session): Action[] {
  const { status, error, clientId } = session;
  // Another process has it.
  if (status === 'locked') return [];
  if (clientId === '') return [];
  // It cannot be read, or not yet.
  if (status === 'opening' || error !== undefined) return status === 'stored' ? ['load', 'delete'] : [];
  return ACTIONS.filter((action) => isPossible(action, session));
}

function isPossible(action: Action, session: Session): boolean {
  const { status, paused, queued, deadLetters } = session;
  const isStored = status === 'stored';
  // Those of a stored session are not counted in the list.
  const mayHaveFailed = deadLetters === undefined || deadLetters.count > 0;
  switch (action) {
    case 'connect':
      return status === 'disconnected' || status === 'retrying';
    case 'disconnect':
      return !isStored && status !== 'disconnected';
    case 'pause':
      return !paused;
    case 'resume':
      return paused;
    case 'flush':
      return status === 'connected' && !paused;
    case 'save':
    case 'reset-stats':
      return !isStored;
    case 'replay':
    case 'discard':
      return mayHaveFailed;
    case 'purge':
      return queued > 0;
    case 'export':
    case 'import':
    case 'adopt':
    case 'load':
    case 'delete':
      return true;
  }
}
