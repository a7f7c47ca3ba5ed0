import type { Action } from './action-rules';
import { adoptDialog } from './adopting';
import { api } from './api';
import { cleanUpDialog } from './cleaning-up';
import { checkbox, notify } from './dialog';
import { failureText } from './failure-text';
import { askLoss, type LossContext } from './loss';
import { nameOf } from './session-texts';
import { exportDialog, importDialog } from './transfers';
import type { Page, Session, Text } from './types';

/** How long "wait until sent" waits; proxies give up soon after. */
const FLUSH_MS = 30_000;

export type ActionContext = LossContext;

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
    const answer = await importDialog({ stores }, { text, formats });
    if (answer !== undefined) notify(importedText(answer, { text, formats }), 'success');
  });
}

/** Deletes what has expired in one store. */
export async function cleanUpStore(page: Page, { text, formats }: ActionContext): Promise<void> {
  await reported(text, async () => {
    const store = await cleanUpDialog(page, { text, formats });
    if (store === undefined) return;
    const { count = 0, deadLetters = 0, quarantined = 0 } = await api.cleanUp(store);
    notify(
      text('done.cleanup', {
        count: formats.count(Number(count)),
        failed: formats.count(Number(deadLetters)),
        quarantined: formats.count(Number(quarantined)),
      }),
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
      const answer = await importDialog({ stores: [], session }, context);
      return answer === undefined ? undefined : importedText(answer, { text, formats });
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

async function adopt(session: Session, context: ActionContext): Promise<string | undefined> {
  const from = await adoptDialog(session, context);
  if (from === undefined) return undefined;
  await api.act(session, 'adopt', { from });
  return context.text('done.adopt', { name: from, to: nameOf(session, context.text) });
}

function importedText(answer: Record<string, unknown>, { text, formats }: LossContext): string {
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
