import { hasDeadLetters } from '../../../src/admin/dead-letter-count';
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

/** Why an action would do nothing now. */
export const OBSTACLES = ['no-dead-letters', 'nothing-queued', 'not-sending'] as const;
export type Obstacle = (typeof OBSTACLES)[number];

export interface OfferedAction {
  action: Action;
  /** Absent: it can be done. */
  obstacle?: Obstacle;
}

/**
 * Those that make sense for a session as it is now: a button that can only fail is not there. One that has nothing to do
 * at the moment stays, with the reason: buttons that come and go with each message would move the others under the pointer.
 */
export function offeredActions(session: Session): OfferedAction[] {
  const { status, error, clientId } = session;
  // Another process has it.
  if (status === 'locked') return [];
  if (clientId === '') return [];
  // It cannot be read, or not yet.
  if (status === 'opening' || error !== undefined) {
    return status === 'stored' ? [{ action: 'load' }, { action: 'delete' }] : [];
  }
  return ACTIONS.filter((action) => isPossible(action, session)).map((action) => {
    const obstacle = obstacleTo(action, session);
    return obstacle === undefined ? { action } : { action, obstacle };
  });
}

function isPossible(action: Action, { status, paused }: Session): boolean {
  const isStored = status === 'stored';
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
    case 'save':
    case 'reset-stats':
      return !isStored;
    default:
      return true;
  }
}

function obstacleTo(action: Action, { status, paused, queued, deadLetters, asOf }: Session): Obstacle | undefined {
  switch (action) {
    case 'flush':
      return status === 'connected' && !paused ? undefined : 'not-sending';
    case 'replay':
    case 'discard':
      return hasDeadLetters(deadLetters) ? undefined : 'no-dead-letters';
    case 'purge':
      return queued > 0 || asOf === 'snapshot' ? undefined : 'nothing-queued';
    default:
      return undefined;
  }
}
