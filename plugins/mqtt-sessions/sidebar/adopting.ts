import { api } from './api';
import { ask, labelled } from './dialog';
import { element, select, setText } from './elements';
import { failureText } from './failure-text';
import type { LossContext } from './loss';
import { nameOf } from './session-texts';
import type { Session } from './types';

/** Of the choice; more are found by the filter. */
const SHOWN_MAX = 100;
const TYPING_MS = 300;

/**
 * Lets the user choose a session of the same store that nobody uses, among all that there are.
 * @returns its client id; undefined: none. @throws EndpointError.
 */
export async function adoptDialog(session: Session, { text, formats }: LossContext): Promise<string | undefined> {
  const found = async (part: string) => {
    const query = { store: session.store, state: 'unused', sort: 'messages', limit: SHOWN_MAX + 1, text: part };
    const { sessions, matching } = await api.sessions(query);
    const others = sessions.filter(({ key }) => key !== session.key);
    return { others: others.slice(0, SHOWN_MAX), count: matching - (sessions.length - others.length) };
  };
  const first = await found('');
  if (first.others.length === 0) {
    await ask({
      title: text('action.adopt'),
      texts: [text('adopt.none')],
      confirm: text('ok'),
      cancel: text('cancel'),
    });
    return undefined;
  }
  const from = select(text('adopt.from'), []);
  const shown = element('p', { class: 'mqtt-sessions-hint', role: 'status' });
  const show = ({ others, count }: typeof first) => {
    const chosen = from.value;
    from.replaceChildren(
      ...others.map((other) => {
        const key = other.asOf === 'now' ? 'adopt.option' : 'adopt.option-uncounted';
        const label = text(key, { name: nameOf(other, text), count: formats.count(other.messages) });
        return element('option', { value: other.clientId, selected: other.clientId === chosen }, [label]);
      }),
    );
    const counts = { shown: formats.count(others.length), count: formats.count(count) };
    setText(shown, text(others.length < count ? 'adopt.more' : 'adopt.found', counts));
  };
  show(first);

  let typing: ReturnType<typeof setTimeout> | undefined;
  const filter = element('input', { type: 'search' }, [], {
    input: () => {
      clearTimeout(typing);
      typing = setTimeout(() => void search(filter.value.trim()), TYPING_MS);
    },
  });
  const search = async (part: string) => {
    try {
      const answer = await found(part);
      // What was typed meanwhile is asked for by itself.
      if (filter.value.trim() === part) show(answer);
    } catch (error) {
      setText(shown, failureText(error, text));
    }
  };
  const isAgreed = await ask({
    title: text('action.adopt'),
    texts: [text('adopt.explain', { name: nameOf(session, text) })],
    fields: [labelled(text('adopt.filter'), filter), labelled(text('adopt.from'), from), shown],
    confirm: text('action.adopt'),
    cancel: text('cancel'),
  });
  clearTimeout(typing);
  return isAgreed && from.value !== '' ? from.value : undefined;
}
