import type { SessionCopy } from '../client/session-copy';
import { RecordKind } from '../session/records';
import { SequenceRanges } from '../session/sequence-ranges';
import { JSONL_FORMAT, JSONL_VERSION, type JsonlDeadLetter, type JsonlEntry, jsonlLine } from './jsonl-format';

const DEAD_LETTER_PAGE = 100;

/**
 * A session as lines of JSON, one at a time: a million messages take no more memory than a few. The session may go on
 * meanwhile; the export is of the moment in which `copy` was made, dead letters as they are when they are read. `copy` is
 * closed in the end, also when the reader stops before.
 * @param now Milliseconds since the epoch, on the clock of the session.
 * @throws the system's error when the journal cannot be read; the lines then have no end.
 */
export async function* exportJsonl(copy: SessionCopy, now: number): AsyncGenerator<string, void, void> {
  try {
    for await (const entry of entries(copy, now)) yield jsonlLine(entry);
  } finally {
    await copy.close();
  }
}

async function* entries(copy: SessionCopy, exportedAt: number): AsyncGenerator<JsonlEntry> {
  const { metadata, state, uid } = copy;
  const { clientId, createdAt, lastAccessAt, expiryInterval } = metadata;
  const { broker, paused, sequence } = state;
  yield {
    type: 'session',
    format: JSONL_FORMAT,
    version: JSONL_VERSION,
    ...{ clientId, uid, createdAt, lastAccessAt, expiryInterval, broker, paused, sequence, exportedAt },
  };
  for (const subscription of state.subscriptions) yield { type: 'subscription', ...subscription };
  let messages = 0;
  // A message that was given up is a dead letter whose file has not been written yet.
  const givenUp = new Map(state.givenUp.map(({ sequence: one, ...failure }) => [one, failure]));
  const waiting: JsonlDeadLetter[] = [];
  const exported = new SequenceRanges();
  for (const { message: queued, sequence: one, phase, packetId, sentAt, retries } of state.open) {
    if (queued === undefined) continue;
    const { sequence: _sequence, enqueuedAt, origin, ...message } = queued;
    const content = { sequence: one, message, enqueuedAt, ...(origin === undefined ? {} : { origin }) };
    const failure = givenUp.get(one);
    if (failure !== undefined) {
      waiting.push({ type: 'deadLetter', ...content, failure });
      continue;
    }
    messages += 1;
    exported.add(one);
    yield { type: 'message', ...content, state: phase, packetId, sentAt, retries };
  }
  for await (const { sequence: one, enqueuedAt, origin, ...message } of copy.queued()) {
    messages += 1;
    exported.add(one);
    yield {
      type: 'message',
      sequence: one,
      message,
      enqueuedAt,
      ...(origin === undefined ? {} : { origin }),
      state: 'queued',
    };
  }
  let deadLetters = 0;
  for await (const entry of deadLettersOf(copy)) {
    // Given up since then: it is among the messages. The time, because one that was imported has a sequence of elsewhere.
    if (exported.has(entry.sequence) && entry.failure.failedAt >= exportedAt) continue;
    // It was given up when the export began, and is in the file by now.
    const at = waiting.findIndex((one) => one.sequence === entry.sequence && isSameTime(one, entry));
    if (at >= 0) waiting.splice(at, 1);
    deadLetters += 1;
    yield entry;
  }
  yield* waiting;
  deadLetters += waiting.length;
  yield { type: 'end', subscriptions: state.subscriptions.length, messages, deadLetters, lost: copy.lost() };
}

/** In a record it is whole milliseconds. */
function isSameTime(one: JsonlDeadLetter, other: JsonlDeadLetter): boolean {
  return Math.trunc(one.enqueuedAt) === Math.trunc(other.enqueuedAt);
}

async function* deadLettersOf(copy: SessionCopy): AsyncGenerator<JsonlDeadLetter> {
  for (let after = 0; ; ) {
    const page = await copy.deadLetters.list(after, DEAD_LETTER_PAGE);
    if (page.length === 0) return;
    for (const { id, record } of page) {
      after = id;
      if (record.kind !== RecordKind.Failed) continue;
      const { kind: _kind, sequence, message, enqueuedAt, origin, ...failure } = record;
      yield {
        type: 'deadLetter',
        ...{ sequence, message, enqueuedAt, failure },
        ...(origin === undefined ? {} : { origin }),
      };
    }
  }
}
