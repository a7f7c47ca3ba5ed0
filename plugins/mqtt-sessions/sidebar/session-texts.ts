import { hasDeadLetters } from '../../../src/admin/dead-letter-count';
import { type Draining, drainingOf } from './draining';
import { errorText } from './error-text';
import type { Formats } from './format';
import type { Session, Store, Text } from './types';

/** What stands on an icon's place and colour: whether somebody must look after it. */
export type Level = 'good' | 'idle' | 'wait' | 'bad';

export interface RowTexts {
  name: string;
  level: Level;
  /** Whether it is connected: without times, numbers and each attempt, so that it changes only when that does. */
  status: string;
  /** What it does, in a few words. */
  state: string;
  /** What it holds. */
  holds: string;
  /** Its broker, and where there are several its store. */
  where: string;
  /** What is out of the ordinary. */
  marks: string[];
  /** Of a queue that becomes shorter, 0 to 1. */
  progress: number | undefined;
}

/** What a store is called: its name, or where it is. */
export function storeName({ name, path }: Store): string {
  return name === '' ? path : name;
}

/** The store of a session; undefined where it is not known. */
function storeOf({ store }: Session, stores: readonly Store[]): Store | undefined {
  return stores.find(({ id }) => id === store);
}

/**
 * The texts of a session in the list; times are told relative to `now`. The store is named where there are several: two
 * sessions may have the same client id.
 */
export function rowTexts(
  session: Session,
  text: Text,
  formats: Formats,
  now: number,
  stores: readonly Store[] = [],
): RowTexts {
  const store = stores.length > 1 ? storeOf(session, stores) : undefined;
  const draining = drainingOf(session);
  return {
    name: nameOf(session, text),
    level: levelOf(session),
    status: isUnreachable(session) ? text('status.retrying') : statusText(session, text),
    state: joined([
      stateText(session, text, formats, now),
      draining === undefined ? '' : drainingText(draining, text, formats),
      firstSentence(reasonText(session, text)),
    ]),
    holds: holdsText(session, text, formats, now),
    where: joined([session.broker, store === undefined ? '' : storeName(store)]),
    marks: marksOf(session, text, formats),
    progress: draining?.share,
  };
}

/** For example "60% sent, 50/s, 8 sec left". */
export function drainingText({ share, perSecond, leftMs }: Draining, text: Text, formats: Formats): string {
  return text('draining', {
    percent: formats.percent(share),
    rate: formats.count(perSecond),
    left: formats.duration(leftMs),
  });
}

/** Why it is not connected, or cannot be opened or read; empty: there is no reason. */
export function reasonText({ status, error, connectionError }: Session, text: Text): string {
  // Who has it is its state.
  const reason = status === 'locked' ? undefined : (error ?? connectionError);
  return reason === undefined ? '' : errorText(reason, text);
}

/** Without what explains it, and the advice. */
function firstSentence(text: string): string {
  return /^.*?[.;](?=\s)/s.exec(text)?.[0].slice(0, -1) ?? text;
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' · ');
}

/** The client id; where that is not known, the name of the directory. */
export function nameOf({ clientId, key }: Session, text: Text): string {
  return clientId === '' ? text('unknown-client-id', { key }) : clientId;
}

export function levelOf({ status, orphaned, error, paused, messages, asOf }: Session): Level {
  if (error !== undefined || orphaned || status === 'locked') return 'bad';
  if (status === 'retrying') return 'bad';
  if (paused || status === 'connecting' || status === 'opening') return 'wait';
  if (status === 'connected') return 'good';
  return messages > 0 || asOf === 'snapshot' ? 'wait' : 'idle';
}

/** The last attempt has failed; this one may, too. */
function isUnreachable({ status, connectionError }: Session): boolean {
  return status === 'connecting' && connectionError !== undefined;
}

function statusText({ status, paused }: Session, text: Text): string {
  return text(`status.${paused && status === 'connected' ? 'paused' : status}`);
}

/** For example "next attempt in 4 sec". */
export function stateText(session: Session, text: Text, formats: Formats, now: number): string {
  const { status, nextAttemptAt, expiresAt, lockedBy } = session;
  const state = statusText(session, text);
  if (status === 'retrying') return text('next-attempt', { state, time: formats.duration(nextAttemptAt - now) });
  if (lockedBy !== undefined) return text('locked-by', { state, host: lockedBy.host, pid: lockedBy.pid });
  if (expiresAt === 0) return state;
  if (expiresAt <= now) return text('expired', { state });
  return text('expires', { state, time: formats.duration(expiresAt - now) });
}

function holdsText(session: Session, text: Text, formats: Formats, now: number): string {
  const { messages, queued, inflight, messageBytes, oldestEnqueuedAt, maxBytes, deadLetters } = session;
  const uncounted = uncountedText(session, text, formats);
  if (messages === 0 && uncounted !== '') return uncounted;
  if (messages === 0) return text(hasDeadLetters(deadLetters) ? 'holds.only-dead-letters' : 'holds.nothing');
  return joined([
    text('holds.queued', { count: formats.count(queued) }),
    inflight > 0 ? text('holds.inflight', { count: formats.count(inflight) }) : '',
    formats.bytes(messageBytes),
    oldestEnqueuedAt > 0 ? text('holds.oldest', { age: formats.duration(now - oldestEnqueuedAt) }) : '',
    text('holds.share', { percent: formats.percent(Math.min(1, messageBytes / maxBytes)) }),
    uncounted,
  ]);
}

/** That the numbers are of a snapshot, and of when; empty: they are exact. */
export function uncountedText({ asOf, lastAccessAt, messages }: Session, text: Text, formats: Formats): string {
  if (asOf === 'now') return '';
  if (lastAccessAt === 0) return text('uncounted.never');
  return text(messages === 0 ? 'uncounted.nothing' : 'uncounted.some', { time: formats.time(lastAccessAt) });
}

/** What is out of the ordinary. */
export function marksOf(session: Session, text: Text, formats: Formats): string[] {
  const { orphaned, paused, error, status } = session;
  return [
    error !== undefined && status !== 'locked' ? text('mark.error') : '',
    orphaned ? text('mark.orphaned') : '',
    paused ? text('mark.paused') : '',
    failedMark(session, text, formats),
  ].filter((mark) => mark !== '');
}

function failedMark({ deadLetters }: Session, text: Text, formats: Formats): string {
  if (!hasDeadLetters(deadLetters)) return '';
  const { count } = deadLetters;
  return count === undefined ? text('mark.failed-some') : text('mark.failed', { count: formats.count(count) });
}

/** All that is known of a session besides lists: labels and values. */
export function factsOf(
  session: Session,
  text: Text,
  formats: Formats,
  now: number,
  stores: readonly Store[] = [],
): [label: string, value: string][] {
  const store = storeOf(session, stores);
  const { deadLetters, expiryInterval, expiresAt, oldestEnqueuedAt, trend, maxBytes, nextAttemptAt } = session;
  const label = (key: string) => text(`fact.${key}`);
  const facts: [string, string][] = [
    [label('broker'), session.broker === '' ? text('none-yet') : session.broker],
    [label('queued'), formats.count(session.queued)],
    [label('inflight'), formats.count(session.inflight)],
    [
      label('bytes'),
      text('of-limit', {
        bytes: formats.bytes(session.messageBytes),
        percent: formats.percent(Math.min(1, session.messageBytes / maxBytes)),
        limit: formats.bytes(maxBytes),
      }),
    ],
    [
      label('oldest'),
      oldestEnqueuedAt === 0 ? text('none') : text('ago', { age: formats.duration(now - oldestEnqueuedAt) }),
    ],
    [
      label('failed'),
      deadLetters.count === undefined
        ? text('not-counted', { bytes: formats.bytes(deadLetters.bytes) })
        : text('count-and-bytes', { count: formats.count(deadLetters.count), bytes: formats.bytes(deadLetters.bytes) }),
    ],
    [label('expiry'), expiryText(expiryInterval, expiresAt, text, formats, now)],
    [label('files'), formats.bytes(session.fileBytes)],
    [label('created'), session.createdAt === 0 ? text('unknown') : formats.time(session.createdAt)],
  ];
  if (store !== undefined) facts.splice(-2, 0, [text('store'), storeName(store)]);
  if (nextAttemptAt > 0)
    facts.splice(1, 0, [label('next-attempt'), text('in', { time: formats.duration(nextAttemptAt - now) })]);
  if (trend !== undefined && trend.fallingPerSecond > 0) {
    facts.splice(2, 0, [label('rate'), text('per-second', { rate: formats.count(trend.fallingPerSecond) })]);
  }
  const uncounted = uncountedText(session, text, formats);
  if (uncounted !== '') facts.unshift([label('counted'), uncounted]);
  return facts;
}

function expiryText(interval: number, at: number, text: Text, formats: Formats, now: number): string {
  if (interval === 0) return text('never');
  const after = formats.duration(interval * 1000);
  if (at === 0) return text('expiry-unused', { time: after });
  return at <= now ? text('expiry-over', { time: after }) : text('in', { time: formats.duration(at - now) });
}
