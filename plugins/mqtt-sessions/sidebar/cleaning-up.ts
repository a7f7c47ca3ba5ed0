import { api } from './api';
import { ask, labelled } from './dialog';
import { element, select, setText } from './elements';
import type { LossContext } from './loss';
import { storeName } from './session-texts';
import type { Page } from './types';

/** Lets the user choose a store, and says what clean-up deletes there. @returns its id; undefined: none. @throws EndpointError. */
export async function cleanUpDialog({ stores }: Page, { text, formats }: LossContext): Promise<string | undefined> {
  const losses = await Promise.all(
    stores.map(async (store): Promise<[string, string]> => {
      const preview = await api.cleanUpPreview(store.id);
      const { sessions, messages, messageBytes, deadLetters, quarantined, uncounted } = preview;
      const loss = text('cleanup.loss', {
        count: formats.count(sessions),
        messages: formats.count(messages),
        bytes: formats.bytes(messageBytes),
        failed: formats.count(deadLetters),
        quarantined: formats.count(quarantined),
      });
      const more = uncounted === 0 ? '' : ` ${text('cleanup.uncounted', { count: formats.count(uncounted) })}`;
      return [store.id, loss + more];
    }),
  );
  const loss = element('p', { role: 'status' });
  const showLoss = (id: string) => setText(loss, losses.find(([store]) => store === id)?.[1] ?? '');
  const store = select(
    text('store'),
    stores.map((one) => [one.id, storeName(one)]),
    showLoss,
  );
  showLoss(store.value);
  const isAgreed = await ask({
    title: text('action.cleanup'),
    texts: [text('cleanup.explain')],
    fields: [labelled(text('store'), store), loss],
    confirm: text('action.cleanup'),
    cancel: text('cancel'),
    destroys: true,
  });
  return isAgreed ? store.value : undefined;
}
