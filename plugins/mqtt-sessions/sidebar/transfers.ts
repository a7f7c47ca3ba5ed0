import { api } from './api';
import { ask, checkbox, labelled, notify } from './dialog';
import { element, select } from './elements';
import type { Formats } from './format';
import { storeName } from './session-texts';
import type { Page, Session, Text } from './types';

/** Asks for the format and downloads the file. @returns whether it was. @throws EndpointError. */
export async function exportDialog(session: Session, text: Text, name: string): Promise<boolean> {
  const format = select(text('export.format'), [
    ['jsonl', text('export.jsonl')],
    ['mcps1', text('export.mcps1')],
  ]);
  const loss = checkbox(text('export.allow-loss'));
  loss.element.hidden = true;
  format.addEventListener('change', () => {
    loss.element.hidden = format.value !== 'mcps1';
  });
  const isAgreed = await ask({
    title: text('action.export'),
    texts: [text('export.explain', { name })],
    fields: [labelled(text('export.format'), format), loss.element],
    confirm: text('action.export'),
    cancel: text('cancel'),
  });
  if (!isAgreed) return false;
  const file = await api.exportFile(session, format.value, loss.input.checked && format.value === 'mcps1');
  download(file, `${session.key}.${format.value === 'mcps1' ? 'mcps' : 'jsonl'}`);
  return true;
}

/**
 * Asks for a file and imports it: into `session`, or without one into that which the file names.
 * @returns what came of it; undefined: nothing was imported. @throws EndpointError.
 */
export async function importDialog(
  { stores, session }: { stores: Page['stores']; session?: Session },
  text: Text,
  formats: Formats,
): Promise<Record<string, unknown> | undefined> {
  const file = element('input', { type: 'file', accept: '.jsonl,.mcps,.json,application/x-ndjson' });
  const store = select(
    text('store'),
    stores.map((store) => [store.id, storeName(store)]),
  );
  const replace = checkbox(text('import.replace'));
  const lost =
    session === undefined
      ? text('import.replace-hint')
      : text('import.replace-loss', {
          count: formats.count(session.messages),
          bytes: formats.bytes(session.messageBytes),
        });
  const isAgreed = await ask({
    title: text('action.import'),
    texts: [text(session === undefined ? 'import.explain' : 'import.explain-session')],
    fields: [
      ...(session === undefined && stores.length > 1 ? [labelled(text('store'), store)] : []),
      labelled(text('import.file'), file),
      replace.element,
      element('p', { class: 'mqtt-sessions-hint' }, [lost]),
    ],
    confirm: text('action.import'),
    cancel: text('cancel'),
  });
  const chosen = file.files?.[0];
  if (!isAgreed) return undefined;
  if (chosen === undefined) {
    notify(text('import.no-file'), 'error');
    return undefined;
  }
  return api.importFile(session?.store ?? store.value, session, chosen, replace.input.checked);
}

function download(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = element('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads it after the click has been handled.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
