import type { Action } from './action-rules';
import { api } from './api';
import { ask, checkbox, labelled, notify } from './dialog';
import { select } from './elements';
import { failureText } from './failure-text';
import type { Formats } from './format';
import { nameOf, storeName } from './session-texts';
import { exportDialog, importDialog } from './transfers';
import type { Page, Session, Text } from './types';

/** How long "wait until sent" waits; proxies give up soon after. */
const FLUSH_MS = 30_000;

export interface ActionContext {
  text: Text;
  formats: Formats;
}

/** Performs an action on a session, after asking where something is lost. Says what came of it. Never throws. */
export async function perform(action: Action, session: Session, context: ActionContext): Promise<void> {
  await reported(context.text, async () => {
    const answer = await performed(action, session, context);
    if (answer !== undefined) notify(answer, 'success');
  });
}

/** Imports into the session that a file names. */
export async function importInto({ stores }: Page, { text, formats }: ActionContext): Promise<void> {
  await reported(text, async () => {
    const answer = await importDialog({ stores }, text, formats);
    if (answer !== undefined) notify(importedText(answer, text, formats), 'success');
  });
}

/** Deletes what has expired in one store. */
export async function cleanUpStore({ stores }: Page, { text, formats }: ActionContext): Promise<void> {
  await reported(text, async () => {
    const expired = await Promise.all(stores.map(({ id }) => api.sessions({ store: id, state: 'expired', limit: 1 })));
    const losses = stores.map((store, index) => {
      const { matching = 0, messages = 0, messageBytes = 0 } = expired[index] ?? {};
      const values = {
        store: storeName(store),
        count: formats.count(matching),
        messages: formats.count(messages),
        bytes: formats.bytes(messageBytes),
      };
      return [store.id, text('cleanup.store', values)] as const;
    });
    const store = select(text('store'), losses);
    const isAgreed = await ask({
      title: text('action.cleanup'),
      texts: [text('cleanup.explain')],
      fields: [labelled(text('store'), store)],
      confirm: text('action.cleanup'),
      cancel: text('cancel'),
      destroys: true,
    });
    if (!isAgreed) return;
    const { count = 0, deadLetters = 0 } = await api.cleanUp(store.value);
    notify(
      text('done.cleanup', { count: formats.count(Number(count)), failed: formats.count(Number(deadLetters)) }),
      'success',
    );
  });
}

/** @returns what to say about it; undefined: the user did not want it. */
async function performed(action: Action, session: Session, context: ActionContext): Promise<string | undefined> {
  const { text, formats } = context;
  const name = nameOf(session, text);
  switch (action) {
    case 'export':
      return (await exportDialog(session, text, name)) ? text('done.export', { name }) : undefined;
    case 'import': {
      const answer = await importDialog({ stores: [], session }, text, formats);
      return answer === undefined ? undefined : importedText(answer, text, formats);
    }
    case 'adopt':
      return adopt(session, context);
    case 'delete': {
      const clear = checkbox(text('delete.clear-at-broker'));
      const fields = session.status === 'stored' ? [] : [clear.element];
      if (!(await askLoss(action, session, context, fields))) return undefined;
      await api.remove(session, clear.input.checked);
      return text('done.delete', { name });
    }
    case 'purge':
    case 'discard': {
      if (!(await askLoss(action, session, context))) return undefined;
      const { count = 0 } = await api.act(session, action);
      return text(`done.${action}`, { name, count: formats.count(Number(count)) });
    }
    case 'replay': {
      const { count = 0 } = await api.act(session, action);
      return text('done.replay', { name, count: formats.count(Number(count)) });
    }
    case 'flush': {
      const { flushed } = await api.act(session, action, { timeout: FLUSH_MS });
      return text(flushed === true ? 'done.flush' : 'done.flush-not', { name });
    }
    case 'load': {
      const { findings = [] } = await api.act(session, action);
      const count = Array.isArray(findings) ? findings.length : 0;
      return text(count === 0 ? 'done.load' : 'done.load-findings', { name, count: formats.count(count) });
    }
    case 'connect':
    case 'disconnect':
    case 'pause':
    case 'resume':
    case 'save':
    case 'reset-stats':
      await api.act(session, action);
      return text(`done.${action}`, { name });
  }
}

/** Says how much would be lost. The dead letters of a session that is not open are counted for it, if it can be read. */
async function askLoss(
  action: 'delete' | 'purge' | 'discard',
  session: Session,
  { text, formats }: ActionContext,
  fields: HTMLElement[] = [],
): Promise<boolean> {
  const { messages, messageBytes, queued, subscriptions, asOf, error } = session;
  const isKnown = asOf === 'now' || error !== undefined;
  const deadLetters = isKnown ? session.deadLetters : (await api.failed(session, 1)).total;
  const values = {
    name: nameOf(session, text),
    messages: formats.count(messages),
    queued: formats.count(queued),
    bytes: formats.bytes(messageBytes),
    failed: deadLetters.count === undefined ? text('unknown') : formats.count(deadLetters.count),
    failedBytes: formats.bytes(deadLetters.bytes),
    subscriptions: formats.count(subscriptions),
  };
  const more = asOf === 'snapshot' ? [text('loss.snapshot')] : [];
  return ask({
    title: text(`action.${action}`),
    texts: [text(`loss.${action}`, values), ...more, text('loss.final')],
    fields,
    confirm: text(`action.${action}`),
    cancel: text('cancel'),
    destroys: true,
  });
}

/** Of the sessions of the same store that nobody uses. */
async function adopt(session: Session, { text, formats }: ActionContext): Promise<string | undefined> {
  const { sessions } = await api.sessions({ store: session.store, sort: 'messages', limit: 500 });
  const others = sessions.filter(
    ({ status, key, error }) => status === 'stored' && key !== session.key && error === undefined,
  );
  if (others.length === 0) {
    await ask({
      title: text('action.adopt'),
      texts: [text('adopt.none')],
      confirm: text('ok'),
      cancel: text('cancel'),
    });
    return undefined;
  }
  const from = select(
    text('adopt.from'),
    others.map((other) => [
      other.clientId,
      text('adopt.option', { name: nameOf(other, text), count: formats.count(other.messages) }),
    ]),
  );
  const name = nameOf(session, text);
  const isAgreed = await ask({
    title: text('action.adopt'),
    texts: [text('adopt.explain', { name })],
    fields: [labelled(text('adopt.from'), from)],
    confirm: text('action.adopt'),
    cancel: text('cancel'),
  });
  if (!isAgreed) return undefined;
  await api.act(session, 'adopt', { from: from.value });
  return text('done.adopt', { name: from.value, to: name });
}

function importedText(answer: Record<string, unknown>, text: Text, formats: Formats): string {
  return text('done.import', {
    name: String(answer.clientId ?? ''),
    count: formats.count(Number(answer.messages ?? 0)),
    duplicates: formats.count(Number(answer.duplicates ?? 0)),
  });
}

async function reported(text: Text, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    notify(failureText(error, text), 'error');
  }
}
