import type { QueuedMessage } from './message';
import type { SessionState } from './state';

/** `state` as of what is durable, with the messages that have left the queue inside. */
export function durableView(
  state: SessionState,
  messages: ReadonlyMap<number, QueuedMessage>,
  durable: number,
): SessionState {
  const open = state.open.flatMap((entry) => {
    const message = messages.get(entry.sequence);
    return message === undefined || entry.sequence > durable ? [] : [{ ...entry, message }];
  });
  return { ...state, open, sequence: durable };
}
