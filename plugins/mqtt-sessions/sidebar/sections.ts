import { api } from './api';
import { element } from './elements';
import { errorText } from './error-text';
import type { Formats } from './format';
import type { FailedMessage, MessagePreview, PayloadPreview, Session, Text } from './types';

/** A part of the details that is loaded when the user opens it. */
export interface Section {
  key: 'subscriptions' | 'messages' | 'failed' | 'statistics' | 'errors';
  /** Shows payloads, or what they may tell. */
  needsWrite: boolean;
  /** Whether a session has it, as it is now. */
  isFor(session: Session): boolean;
  load(session: Session, context: SectionContext): Promise<Node[]>;
}

export interface SectionContext {
  text: Text;
  formats: Formats;
  /** Of the server. */
  now: number;
}

const FAILED_SHOWN = 20;

/** By a broker node of this process. */
export const isInUse = ({ status }: Session) => status !== 'stored' && status !== 'locked';
const isUsable = ({ status, clientId }: Session) => status !== 'locked' && status !== 'opening' && clientId !== '';

export const SECTIONS: readonly Section[] = [
  {
    key: 'messages',
    needsWrite: true,
    isFor: (session) => isUsable(session) && session.error === undefined,
    load: async (session, context) => {
      const messages = await api.messages(session);
      if (messages.length === 0) return [empty(context.text('messages.none'))];
      return [list(messages.map((message) => messageItem(message, context)))];
    },
  },
  {
    key: 'failed',
    needsWrite: true,
    isFor: (session) => isUsable(session) && session.error === undefined,
    load: failedItems,
  },
  {
    key: 'subscriptions',
    needsWrite: false,
    isFor: ({ clientId }) => clientId !== '',
    load: async (session, { text }) => {
      const { subscriptions } = await api.info(session);
      if (subscriptions.length === 0) return [empty(text('subscriptions.none'))];
      return [
        list(
          subscriptions.map(({ topic, qos, state, refusedWith }) => {
            const code = refusedWith?.toString(16).padStart(2, '0') ?? '';
            const why =
              refusedWith === undefined ? text(`subscription.${state}`) : text('subscription.refused', { code });
            return item(topic, [text('qos', { qos }), why], state === 'active' ? 'good' : 'wait');
          }),
        ),
      ];
    },
  },
  {
    key: 'statistics',
    needsWrite: false,
    isFor: (session) => isInUse(session) && session.status !== 'opening',
    load: async (session, context) => [statisticsList(await api.statistics(session), context)],
  },
  {
    key: 'errors',
    needsWrite: false,
    isFor: (session) => isInUse(session) || session.error !== undefined,
    load: errorItems,
  },
];

/** Why it cannot be used now, and below it what went wrong before. */
async function errorItems(session: Session, context: SectionContext): Promise<Node[]> {
  const { text, formats, now } = context;
  const { error } = session;
  const { recentErrors = [] } = isInUse(session) ? await api.info(session) : {};
  const past = recentErrors.map((one) => {
    const times = one.count === 1 ? '' : text('times', { count: formats.count(one.count) });
    return item(errorText(one, text), [one.code, text('ago', { age: formats.duration(now - one.at) }), times], 'bad');
  });
  const isRemembered = recentErrors.some(({ code, message }) => code === error?.code && message === error.message);
  const present = error === undefined || isRemembered ? [] : [item(errorText(error, text), [error.code], 'bad')];
  if (past.length + present.length === 0) return [empty(text('errors.none'))];
  return [list([...present, ...past])];
}

function messageItem(message: MessagePreview, { text, formats, now }: SectionContext): HTMLElement {
  const { topic, qos, retain, bytes, enqueuedAt } = message;
  const facts = [
    text('qos', { qos }),
    retain ? text('retained') : '',
    formats.bytes(bytes),
    text('ago', { age: formats.duration(now - enqueuedAt) }),
  ];
  return item(topic, facts, 'wait', payloadElement(message, text));
}

function payloadElement({ bytes, preview, isText, isCut }: PayloadPreview, text: Text): HTMLElement {
  const shown = isText ? preview : text('hexadecimal', { preview });
  return element('pre', {}, [bytes === 0 ? text('no-payload') : shown + (isCut ? '…' : '')]);
}

async function failedItems(session: Session, context: SectionContext): Promise<Node[]> {
  const { text, formats } = context;
  const { deadLetters, total } = await api.failed(session, FAILED_SHOWN);
  if (deadLetters.length === 0) return [empty(text('failed.none'))];
  const items = list(deadLetters.map((one) => failedItem(one, context)));
  if (total.count <= deadLetters.length) return [items];
  const counts = { shown: formats.count(deadLetters.length), count: formats.count(total.count) };
  return [empty(text('failed.more', counts)), items];
}

function failedItem(letter: FailedMessage, { text, formats, now }: SectionContext): HTMLElement {
  const { message, reason, reasonCode, reasonString, failedAt, size } = letter;
  const code = reasonCode === undefined ? '' : text('reason-code', { code: reasonCode.toString(16).padStart(2, '0') });
  const facts = [
    text(`reason.${reason}`),
    code,
    reasonString ?? '',
    text('qos', { qos: message.qos }),
    formats.bytes(size),
    text('ago', { age: formats.duration(now - failedAt) }),
  ];
  return item(message.topic, facts, 'bad', payloadElement(message, text));
}

/** Counters and gauges by name; those that end in `At` are times, and so on. */
function statisticsList(statistics: Record<string, unknown>, { text, formats }: SectionContext): HTMLElement {
  const rows = Object.entries(statistics).flatMap(([name, value]) => {
    if (typeof value !== 'number') return [];
    const shown = valueText(name, value, text, formats);
    return [element('dt', {}, [text(`statistic.${name}`)]), element('dd', {}, [shown])];
  });
  return element('dl', { class: 'mqtt-sessions-facts' }, rows);
}

function valueText(name: string, value: number, text: Text, formats: Formats): string {
  if (/At$|^since$/.test(name)) return value === 0 ? text('none') : formats.time(value);
  if (/Ms$/.test(name)) return formats.duration(value);
  return /bytes/i.test(name) ? formats.bytes(value) : formats.count(value);
}

function list(items: HTMLElement[]): HTMLElement {
  return element('ul', { class: 'mqtt-sessions-items' }, items);
}

function item(title: string, facts: readonly string[], level: string, more?: HTMLElement): HTMLElement {
  return element('li', { 'data-level': level }, [
    element('span', { class: 'mqtt-sessions-item-title' }, [title]),
    element('span', { class: 'mqtt-sessions-item-facts' }, [facts.filter((fact) => fact !== '').join(' · ')]),
    more,
  ]);
}

function empty(text: string): HTMLElement {
  return element('p', { class: 'mqtt-sessions-hint' }, [text]);
}
