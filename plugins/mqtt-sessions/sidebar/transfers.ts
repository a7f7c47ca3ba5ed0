import { api } from './api';
import { ask, checkbox, labelled, notify } from './dialog';
import { element, select, setText } from './elements';
import { clientIdOf, FILE_HEAD_BYTES } from './file-head';
import { askLoss, type LossContext } from './loss';
import { storeName } from './session-texts';
import type { Page, Session, Text } from './types';

/** Most that one request for sessions is answered with. */
const PAGE_SESSIONS = 500;

/** Asks for the format and downloads the file. @returns whether it was. @throws EndpointError. */
export async function exportDialog(session: Session, text: Text, name: string): Promise<boolean> {
  const format = select(text('export.format'), [
    ['jsonl', text('export.jsonl')],
    ['mcps1', text('export.mcps1')],
  ]);
  const loss = checkbox(text('export.allow-loss'));
  const leftOut = element('p', { class: 'mqtt-sessions-hint', role: 'status' });
  loss.element.hidden = true;
  format.addEventListener('change', () => {
    loss.element.hidden = format.value !== 'mcps1';
    setText(leftOut, format.value === 'mcps1' ? text('export.left-out') : '');
  });
  const isAgreed = await ask({
    title: text('action.export'),
    texts: [text('export.explain', { name })],
    fields: [labelled(text('export.format'), format), leftOut, loss.element],
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
  context: LossContext,
): Promise<Record<string, unknown> | undefined> {
  const { text } = context;
  const file = element('input', { type: 'file', accept: '.jsonl,.mcps,.json,application/x-ndjson' });
  const store = select(
    text('store'),
    stores.map((store) => [store.id, storeName(store)]),
  );
  const replace = checkbox(text('import.replace'));
  const isAgreed = await ask({
    title: text('action.import'),
    texts: [text(session === undefined ? 'import.explain' : 'import.explain-session')],
    fields: [
      ...(session === undefined && stores.length > 1 ? [labelled(text('store'), store)] : []),
      labelled(text('import.file'), file),
      replace.element,
      element('p', { class: 'mqtt-sessions-hint' }, [text('import.replace-hint')]),
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
  const storeId = session?.store ?? store.value;
  if (replace.input.checked) {
    const replaced = session ?? (await sessionNamedIn(chosen, storeId));
    if (replaced !== undefined && !(await askLoss('replace', replaced, context))) return undefined;
  }
  return api.importFile(storeId, session, chosen, replace.input.checked);
}

/** The session that a file would be imported into, if there is one. A file that names none is refused by the endpoint. */
async function sessionNamedIn(file: Blob, store: string): Promise<Session | undefined> {
  const clientId = clientIdOf(new Uint8Array(await file.slice(0, FILE_HEAD_BYTES).arrayBuffer()));
  if (clientId === undefined) return undefined;
  for (let offset = 0; ; offset += PAGE_SESSIONS) {
    const page = await api.sessions({ store, text: clientId, sort: 'clientId', offset, limit: PAGE_SESSIONS });
    const found = page.sessions.find((one) => one.clientId === clientId);
    if (found !== undefined || offset + PAGE_SESSIONS >= page.matching) return found;
  }
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
