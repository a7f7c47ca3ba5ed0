import { expiryInterval, isPoison, isRetained, refusal } from './fates';
import { messageNumber } from './message-number';
import type { Stage } from './stage';

/** Stamps before that come from a clock that was not set, and say nothing. */
const CLOCK_IS_SET_FROM = Date.UTC(2024, 0, 1);

/** Whether a message may be given up for this reason. `now`: by the wall clock of the process that does so. */
export function mayBeGivenUp(stage: Stage, reason: unknown, { payload }: { payload: Buffer }, now: number): boolean {
  const { fates, settings, broker } = stage.character;
  const number = messageNumber(payload);
  switch (reason) {
    case 'dropped':
      return settings.whenFull === 'dropOldest';
    case 'session-lost':
      return settings.onSessionLost === 'discard';
    case 'refused':
      return refusal(fates, number) !== undefined;
    case 'poisoned':
      return isPoison(number);
    case 'packet-too-large':
      return fates.maximumPacketSize > 0 && payload.length > fates.maximumPacketSize - 100;
    case 'retain-unavailable':
      return !broker.retainAvailable && isRetained(fates, number);
    case 'expired':
      return isExpired(stage, number, now);
    case 'purged':
      return true;
    default:
      return false;
  }
}

/** Whether the clock was set when it showed `time`. */
export function isClockSet(time: number): boolean {
  return time >= CLOCK_IS_SET_FROM;
}

/** Across a restart the wall clock counts only when it was set at both ends. */
function isExpired({ character, publishedAt }: Stage, number: number, now: number): boolean {
  const interval = expiryInterval(character.fates, number);
  const since = publishedAt.get(number) ?? 0;
  return interval !== undefined && isClockSet(since) && now - since >= interval * 1000;
}
