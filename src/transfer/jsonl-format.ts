/**
 * A session as lines of JSON: a header, subscriptions, messages in their order, dead letters, and an end with counts, so
 * that a file that was cut is known for one. Every line is an object; `type` says of what kind.
 *
 * A payload that is UTF-8 is in `payload` as text, any other in `payloadBase64`. Times are milliseconds since the epoch.
 */
import { isUtf8 } from 'node:buffer';
import { SessionError } from '../errors';
import type { Failure, FailureReason } from '../session/failure';
import { reasonOfNumber } from '../session/failure';
import type { Message, MessageOrigin, MessageProperties, QoS } from '../session/message';
import type { OpenMessageState, Subscription } from '../session/state';

export const JSONL_FORMAT = 'mqtt-sessions';
export const JSONL_VERSION = 1;

export interface JsonlHeader {
  type: 'session';
  format: typeof JSONL_FORMAT;
  version: number;
  clientId: string;
  /** 32 hexadecimal digits, made once per session. */
  uid: string;
  createdAt: number;
  lastAccessAt: number;
  /** Seconds; 0: never. */
  expiryInterval: number;
  /** Without credentials; empty: none yet. */
  broker: string;
  paused: boolean;
  /** The session's last durable record when the export began: what it is the state of. */
  sequence: number;
  exportedAt: number;
}

export interface JsonlSubscription extends Subscription {
  type: 'subscription';
}

interface JsonlContent {
  sequence: number;
  message: Message;
  enqueuedAt: number;
  origin?: MessageOrigin;
}

export interface JsonlMessage extends JsonlContent {
  type: 'message';
  /** `queued`, or what is known of one that was sent: `published`, `released` (PUBREC came), `requeued`. */
  state: 'queued' | OpenMessageState['phase'];
  packetId?: number;
  /** 0: not known. */
  sentAt?: number;
  retries?: number;
}

export interface JsonlDeadLetter extends JsonlContent {
  type: 'deadLetter';
  failure: Failure;
}

export interface JsonlEnd {
  type: 'end';
  subscriptions: number;
  messages: number;
  deadLetters: number;
  /** What could not be read because of damage, each a sentence. */
  lost: readonly string[];
}

export type JsonlEntry = JsonlHeader | JsonlSubscription | JsonlMessage | JsonlDeadLetter | JsonlEnd;

/** One line, with its end. */
export function jsonlLine(entry: JsonlEntry): string {
  if (entry.type !== 'message' && entry.type !== 'deadLetter') return `${JSON.stringify(entry)}\n`;
  const { message, ...rest } = entry;
  return `${JSON.stringify({ ...rest, ...plainMessage(message) })}\n`;
}

/** A message without Buffers. */
export function plainMessage({ payload, properties, ...plain }: Message): Record<string, unknown> {
  return {
    ...plain,
    ...(isUtf8(payload) ? { payload: payload.toString('utf8') } : { payloadBase64: payload.toString('base64') }),
    ...(properties === undefined ? {} : { properties: plainProperties(properties) }),
  };
}

/**
 * What a line says, every field checked for its type. Topics and properties are checked where the message is stored.
 * @throws SessionError `ERR_IMPORT_FORMAT` naming the line.
 */
export function parseJsonlLine(line: string, number: number): JsonlEntry {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw formatError(number, `it is not JSON (${(cause as Error).message})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw formatError(number, 'it is no object');
  return new Fields(value as Record<string, unknown>, number).entry();
}

export function formatError(line: number, reason: string): SessionError {
  return new SessionError('ERR_IMPORT_FORMAT', `Line ${line} is not of an exported session: ${reason}.`, {
    details: { line },
  });
}

function plainProperties({ correlationData, ...properties }: MessageProperties): Record<string, unknown> {
  if (correlationData === undefined) return properties;
  return { ...properties, correlationDataBase64: correlationData.toString('base64') };
}

const SUBSCRIPTION_STATES: readonly Subscription['state'][] = [
  'requested',
  'active',
  'deactivating',
  'inactive',
  'removing',
];
const MESSAGE_STATES: readonly JsonlMessage['state'][] = ['queued', 'published', 'released', 'requeued'];
const REASON_NUMBERS_MAX = 255;
/** Six bytes in a record. */
const SEQUENCE_MAX = 2 ** 48 - 1;

/** Reads the fields of one line. */
class Fields {
  constructor(
    private readonly value: Record<string, unknown>,
    private readonly line: number,
  ) {}

  entry(): JsonlEntry {
    switch (this.value.type) {
      case 'session':
        return this.#header();
      case 'subscription':
        return this.#subscription();
      case 'message':
        return this.#message();
      case 'deadLetter':
        return this.#deadLetter();
      case 'end':
        return {
          type: 'end',
          subscriptions: this.#number('subscriptions'),
          messages: this.#number('messages'),
          deadLetters: this.#number('deadLetters'),
          lost: this.#texts('lost'),
        };
      default:
        throw formatError(this.line, `its type is ${JSON.stringify(this.value.type)}`);
    }
  }

  #header(): JsonlHeader {
    const format = this.#oneOf('format', [JSONL_FORMAT] as const);
    const version = this.#number('version');
    if (version !== JSONL_VERSION) {
      throw formatError(this.line, `its version is ${version}, and this release reads ${JSONL_VERSION}`);
    }
    return {
      type: 'session',
      format,
      version,
      clientId: this.#text('clientId'),
      uid: this.#text('uid'),
      createdAt: this.#number('createdAt'),
      lastAccessAt: this.#number('lastAccessAt'),
      expiryInterval: this.#number('expiryInterval'),
      broker: this.#text('broker'),
      paused: this.#flag('paused'),
      sequence: this.#number('sequence'),
      exportedAt: this.#number('exportedAt'),
    };
  }

  #subscription(): JsonlSubscription {
    return {
      type: 'subscription',
      filter: this.#text('filter'),
      qos: this.#oneOf('qos', [0, 1, 2] as const),
      noLocal: this.#flag('noLocal'),
      retainAsPublished: this.#flag('retainAsPublished'),
      retainHandling: this.#oneOf('retainHandling', [0, 1, 2] as const),
      identifier: this.#number('identifier'),
      state: this.#oneOf('state', SUBSCRIPTION_STATES),
      ...(this.#has('refusedWith') ? { refusedWith: this.#number('refusedWith') } : {}),
      ...(this.#has('users') ? { users: this.#text('users') } : {}),
    };
  }

  #message(): JsonlMessage {
    return {
      type: 'message',
      ...this.#content(),
      state: this.#oneOf('state', MESSAGE_STATES),
      ...(this.#has('packetId') ? { packetId: this.#number('packetId') } : {}),
      ...(this.#has('sentAt') ? { sentAt: this.#number('sentAt') } : {}),
      ...(this.#has('retries') ? { retries: this.#number('retries') } : {}),
    };
  }

  #deadLetter(): JsonlDeadLetter {
    const failure = this.#object('failure');
    return {
      type: 'deadLetter',
      ...this.#content(),
      failure: {
        reason: failure.#oneOf('reason', reasons()),
        failedAt: failure.#number('failedAt'),
        ...(failure.#has('reasonCode') ? { reasonCode: failure.#number('reasonCode') } : {}),
        ...(failure.#has('reasonString') ? { reasonString: failure.#text('reasonString') } : {}),
      },
    };
  }

  #content(): JsonlContent {
    const message: Message = {
      topic: this.#text('topic'),
      payload: this.#has('payloadBase64') ? this.#base64('payloadBase64') : Buffer.from(this.#text('payload'), 'utf8'),
      qos: this.#oneOf('qos', [0, 1, 2] as const) as QoS,
      retain: this.#flag('retain'),
    };
    if (this.#has('properties')) {
      const fields = this.#object('properties');
      const { correlationDataBase64: _encoded, ...properties } = fields.value;
      message.properties = properties;
      if (fields.#has('correlationDataBase64')) {
        message.properties.correlationData = fields.#base64('correlationDataBase64');
      }
    }
    const content: JsonlContent = {
      sequence: this.#sequence(),
      message,
      enqueuedAt: this.#number('enqueuedAt'),
    };
    if (this.#has('origin')) {
      const origin = this.#object('origin');
      content.origin = { node: origin.#text('node'), messageId: origin.#text('messageId') };
    }
    return content;
  }

  #has(name: string): boolean {
    return this.value[name] !== undefined;
  }

  #text(name: string): string {
    const value = this.value[name];
    if (typeof value !== 'string') throw formatError(this.line, `"${name}" is no text`);
    return value;
  }

  /** Absent: none. */
  #texts(name: string): string[] {
    const value = this.value[name] ?? [];
    if (Array.isArray(value) && value.every((one): one is string => typeof one === 'string')) return value;
    throw formatError(this.line, `"${name}" is no list of texts`);
  }

  #base64(name: string): Buffer {
    const text = this.#text(name);
    const bytes = Buffer.from(text, 'base64');
    // Buffer passes over what is not base64.
    if (bytes.toString('base64') !== text) throw formatError(this.line, `"${name}" is not base64`);
    return bytes;
  }

  /** Numbers of this format are never negative. */
  #number(name: string): number {
    const value = this.value[name];
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw formatError(this.line, `"${name}" is no number`);
    }
    return value;
  }

  #sequence(): number {
    const value = this.#number('sequence');
    if (!Number.isInteger(value) || value > SEQUENCE_MAX) throw formatError(this.line, '"sequence" is no sequence');
    return value;
  }

  #flag(name: string): boolean {
    const value = this.value[name];
    if (typeof value !== 'boolean') throw formatError(this.line, `"${name}" is neither true nor false`);
    return value;
  }

  #oneOf<T>(name: string, values: readonly T[]): T {
    const found = values.find((value) => value === this.value[name]);
    if (found === undefined) throw formatError(this.line, `"${name}" is none of ${values.join(', ')}`);
    return found;
  }

  #object(name: string): Fields {
    const value = this.value[name];
    if (typeof value !== 'object' || value === null) throw formatError(this.line, `"${name}" is no object`);
    return new Fields(value as Record<string, unknown>, this.line);
  }
}

function reasons(): FailureReason[] {
  const known: FailureReason[] = [];
  for (let number = 0; number <= REASON_NUMBERS_MAX; number++) {
    const reason = reasonOfNumber(number);
    if (reason !== undefined) known.push(reason);
  }
  return known;
}
