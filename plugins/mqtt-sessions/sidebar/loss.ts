import { api } from './api';
import { ask } from './dialog';
import type { Formats } from './format';
import { nameOf } from './session-texts';
import type { Session, Text } from './types';

/** What destroys what a session holds. `replace`: an import in its place. */
export type Loss = 'delete' | 'purge' | 'discard' | 'replace';

export interface LossContext {
  text: Text;
  formats: Formats;
}

/** Says how much would be lost, as counted now, and asks. @throws EndpointError. */
export async function askLoss(
  loss: Loss,
  listed: Session,
  { text, formats }: LossContext,
  fields: HTMLElement[] = [],
): Promise<boolean> {
  const { messages, messageBytes, queued, queuedBytes, deadLetters, subscriptions, asOf } = await api.info(listed);
  const values = {
    name: nameOf(listed, text),
    messages: formats.count(messages),
    bytes: formats.bytes(messageBytes),
    queued: formats.count(queued),
    queuedBytes: formats.bytes(queuedBytes),
    failed: deadLetters.count === undefined ? text('unknown') : formats.count(deadLetters.count),
    failedBytes: formats.bytes(deadLetters.bytes),
    subscriptions: formats.count(subscriptions.length),
  };
  const confirm = text(`action.${loss === 'replace' ? 'import' : loss}`);
  return ask({
    title: confirm,
    texts: [text(`loss.${loss}`, values), ...(asOf === 'snapshot' ? [text('loss.snapshot')] : []), text('loss.final')],
    fields,
    confirm,
    cancel: text('cancel'),
    destroys: true,
  });
}
