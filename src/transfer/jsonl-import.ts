import { createHash } from 'node:crypto';
import { assertMessage } from '../client/message-check';
import { assertTopicFilter } from '../client/topics';
import { SessionError } from '../errors';
import { recordCodec } from '../session/record-codec';
import { RecordKind, type SessionRecord } from '../session/records';
import { formatError, type JsonlDeadLetter, type JsonlEnd, type JsonlHeader, parseJsonlLine } from './jsonl-format';
import { recordTime, type TransferredMessage, type TransferTarget, transferInOrder } from './target';

/** More than the largest message in base64. */
const LINE_CHARACTERS_MAX = 400_000_000;

export interface JsonlImport {
  /** Client id of the session that was exported. */
  clientId: string;
  messages: number;
  /** Messages that an earlier import of the same file had brought. */
  duplicates: number;
  /** Added to the session; inactive until somebody subscribes. */
  subscriptions: number;
  deadLetters: number;
  /** What the export could not read because of damage. */
  lost: readonly string[];
}

/**
 * Appends an exported session to an open one: its messages to the end of the queue, in their order, with the time at which
 * they were first queued; its dead letters; its subscriptions as inactive ones, which come into force when somebody
 * subscribes to their filters (one that the session has is left alone). What was sent without an acknowledgement is sent
 * as new.
 *
 * Importing the same file again brings only what is not there yet, whatever became of the messages since: the session
 * remembers the file by its first line. Two exports of one session are two files.
 * @param input The file, in parts of any size.
 * @throws SessionError `ERR_IMPORT_FORMAT` naming the line, `ERR_IMPORT_INCOMPLETE` for a file that was cut (what is
 * before that has been imported); those of `TransferTarget.transfer`.
 */
export async function importJsonl(
  input: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  target: TransferTarget,
): Promise<JsonlImport> {
  const reading = new Reading(target);
  const { stored, duplicates } = await transferInOrder(target, reading.messages(lines(input)));
  const { header, end, counts } = reading;
  if (header === undefined) throw formatError(1, 'it is empty');
  if (!reading.isComplete) {
    throw incomplete(
      header,
      reading,
      'What was found is imported; import the whole file for the rest, nothing is doubled.',
      {
        stored,
        duplicates,
      },
    );
  }
  await target.save();
  return {
    clientId: header.clientId,
    messages: stored,
    duplicates,
    subscriptions: reading.restored,
    deadLetters: counts.deadLetters,
    lost: end?.lost ?? [],
  };
}

/**
 * Goes through a whole file as `importJsonl` does, and imports nothing.
 * @throws the errors that `importJsonl` would throw because of the file.
 */
export async function checkJsonl(input: AsyncIterable<string | Uint8Array>): Promise<void> {
  const reading = new Reading(nowhere);
  await transferInOrder(nowhere, reading.messages(lines(input)));
  if (reading.header === undefined) throw formatError(1, 'it is empty');
  if (!reading.isComplete) throw incomplete(reading.header, reading, 'Nothing was imported: bring the whole file.');
}

/** Checks as a session does, and keeps nothing. */
const nowhere: TransferTarget = {
  clientId: '',
  transfer: async (message) => {
    assertMessage(message);
    return 'stored';
  },
  transferSources: () => [],
  endTransfer: () => undefined,
  restoreSubscription: ({ filter }) => {
    assertTopicFilter(filter);
    return true;
  },
  keepDeadLetter: async (_key, record) => {
    recordCodec.write(record, Buffer.allocUnsafe(recordCodec.size(record)), 0);
  },
  save: async () => undefined,
};

function incomplete(
  { clientId }: JsonlHeader,
  { end, counts: { messages } }: Reading,
  hint: string,
  details: Record<string, unknown> = {},
): SessionError {
  const found = `${messages} messages were found${end === undefined ? ', and no end' : ` of ${end.messages}`}`;
  return new SessionError('ERR_IMPORT_INCOMPLETE', `The export of "${clientId}" is not complete: ${found}. ${hint}`, {
    details: { clientId, messages, ...details },
  });
}

/** Goes through the lines: messages are handed on, everything else is dealt with on the way. */
class Reading {
  header: JsonlHeader | undefined;
  end: JsonlEnd | undefined;
  readonly counts = { subscriptions: 0, messages: 0, deadLetters: 0 };
  restored = 0;
  #source = '';
  #lastSequence = -1;

  constructor(private readonly target: TransferTarget) {}

  /** Whether there is all that the end speaks of. */
  get isComplete(): boolean {
    const { messages, subscriptions, deadLetters } = this.counts;
    const { end } = this;
    return end?.messages === messages && end.subscriptions === subscriptions && end.deadLetters === deadLetters;
  }

  async *messages(all: AsyncIterable<string>): AsyncGenerator<TransferredMessage> {
    let number = 0;
    for await (const line of all) {
      number += 1;
      if (line === '') continue;
      const entry = parseJsonlLine(line, number);
      if (this.end !== undefined) throw formatError(number, 'it is behind the end');
      if (this.header === undefined) {
        if (entry.type !== 'session') throw formatError(number, 'the file does not begin with the session');
        this.header = entry;
        this.#source = `jsonl ${entry.uid.slice(0, 32)} ${createHash('sha256').update(line).digest('hex').slice(0, 32)}`;
        continue;
      }
      switch (entry.type) {
        case 'session':
          throw formatError(number, 'a second session begins');
        case 'end':
          this.end = entry;
          break;
        case 'subscription':
          this.counts.subscriptions += 1;
          if (entry.state !== 'removing' && this.target.restoreSubscription(entry)) this.restored += 1;
          break;
        case 'deadLetter':
          this.counts.deadLetters += 1;
          await this.#keep(entry, number);
          break;
        case 'message': {
          this.counts.messages += 1;
          const { sequence, message, enqueuedAt, origin } = entry;
          // It is remembered by its sequence.
          if (sequence <= this.#lastSequence) throw formatError(number, 'its sequence does not rise');
          this.#lastSequence = sequence;
          const source = { id: this.#source, sequence };
          yield { message, source, enqueuedAt, ...(origin === undefined ? {} : { origin }) };
          break;
        }
      }
    }
  }

  async #keep({ sequence, message, enqueuedAt, origin, failure }: JsonlDeadLetter, line: number): Promise<void> {
    const record: SessionRecord = {
      kind: RecordKind.Failed,
      sequence,
      message,
      ...failure,
      enqueuedAt: recordTime(enqueuedAt),
      failedAt: recordTime(failure.failedAt),
    };
    if (origin !== undefined) record.origin = origin;
    try {
      await this.target.keepDeadLetter(`${this.#source} ${line}`, record);
    } catch (error) {
      // What no record can hold: a text that is too long, a property of the wrong type.
      if (error instanceof RangeError || error instanceof TypeError) throw formatError(line, error.message);
      throw error;
    }
  }
}

/** The lines of a text that comes in parts. */
async function* lines(
  input: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let number = 1;
  let rest = '';
  const decode = (part?: Uint8Array): string => {
    try {
      return part === undefined ? decoder.decode() : decoder.decode(part, { stream: true });
    } catch {
      throw formatError(number, 'it is not UTF-8');
    }
  };
  for await (const part of input) {
    // Joined once per line, not per part.
    const pieces = (typeof part === 'string' ? part : decode(part)).split('\n');
    rest += pieces[0];
    for (const piece of pieces.slice(1)) {
      yield rest;
      number += 1;
      rest = piece;
    }
    if (rest.length > LINE_CHARACTERS_MAX) throw formatError(number, 'it is too long');
  }
  rest += decode();
  if (rest !== '') yield rest;
}
