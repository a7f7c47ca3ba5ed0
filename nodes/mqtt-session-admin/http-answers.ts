import { isUtf8 } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import type { Response } from 'express';
import type { DeadLetterPage } from '../../src/admin/dead-letters';
import type { WaitingMessage } from '../../src/admin/queued-messages';
import { type DescribedError, describeError } from '../../src/errors';
import { plainMessage } from '../../src/transfer/jsonl-format';

/** HTTP status of errors; what is not here is 500. */
const STATUS: Readonly<Record<string, number>> = {
  ERR_ACTION: 404,
  ERR_CLIENT_ID: 400,
  ERR_CROSS_SITE: 403,
  ERR_PROPERTY: 400,
  ERR_REQUEST: 400,
  ERR_REQUEST_SIZE: 413,
  ERR_SESSION_CLOSED: 409,
  ERR_SESSION_LOCKED: 409,
  ERR_SESSION_UNKNOWN: 404,
  ERR_SESSION_VERSION: 409,
  ERR_STORE_UNKNOWN: 404,
  ERR_ACKNOWLEDGED: 409,
  ERR_ACKNOWLEDGEMENT: 400,
  ERR_ACKNOWLEDGEMENT_LATE: 409,
  ERR_DISCONNECTED: 409,
  ERR_EXPORT_LOSS: 422,
  ERR_IMPORT_FORMAT: 422,
  ERR_IMPORT_INCOMPLETE: 422,
  ERR_SESSION_NOT_EMPTY: 409,
  ERR_SESSION_SAME: 400,
  ERR_QUEUE_FULL: 507,
  ERR_STORE_FULL: 507,
  ENOSPC: 507,
};

/** Never cached: it may hold payloads, and is old a moment later. */
export function answer(response: Response, content: unknown): void {
  protect(response);
  response.json(content);
}

/** Payloads as text where they are UTF-8, else in base64, as in an export. */
export function plainDeadLetters({ deadLetters, next, total }: DeadLetterPage): Record<string, unknown> {
  const plain = deadLetters.map(({ message, ...rest }) => ({ ...rest, message: plainMessage(message) }));
  return { deadLetters: plain, total, ...(next === undefined ? {} : { next }) };
}

/** As `plainDeadLetters`, with the beginning of each payload in place of all of it. */
export function deadLetterPreviews({ deadLetters, next, total }: DeadLetterPage): Record<string, unknown> {
  const previews = deadLetters.map(({ message: { topic, qos, retain, payload }, ...rest }) => ({
    ...rest,
    message: { topic, qos, retain, bytes: payload.length, ...payloadPreview(payload) },
  }));
  return { deadLetters: previews, total, ...(next === undefined ? {} : { next }) };
}

/** How many bytes of a payload a preview shows. */
const PREVIEW_BYTES = 256;

/** Each with its size and the beginning of its payload, as text where that is UTF-8, else in hexadecimal digits. */
export function messagePreviews(messages: readonly WaitingMessage[]): Record<string, unknown>[] {
  return messages.map(({ sequence, enqueuedAt, message: { topic, qos, retain, payload } }) => ({
    sequence,
    enqueuedAt,
    topic,
    qos,
    retain,
    bytes: payload.length,
    ...payloadPreview(payload),
  }));
}

/** `isCut`: the payload goes on. A character that is cut at the end is left out. */
function payloadPreview(payload: Buffer): { preview: string; isText: boolean; isCut: boolean } {
  const start = payload.subarray(0, PREVIEW_BYTES);
  const isCut = payload.length > PREVIEW_BYTES;
  const text = new StringDecoder('utf8').write(start);
  const isText = isUtf8(isCut ? Buffer.from(text) : start) && !text.includes('\uFFFD');
  return { preview: isText ? text : start.toString('hex'), isText, isCut };
}

/** A `DescribedError`. */
export function answerError(response: Response, error: unknown, knownStatus?: number): void {
  if (response.headersSent) {
    // In the middle of a download: it must not look complete.
    response.destroy();
    return;
  }
  const { status, ...described } = describe(error);
  protect(response);
  response.status(knownStatus ?? status).json(described);
}

export function protect(response: Response): void {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
}

function describe(error: unknown): DescribedError & { status: number } {
  const described = describeError(error as Error);
  const { code } = described;
  // The router could not decode a part of the path.
  if (error instanceof URIError) return { ...described, code: 'ERR_REQUEST', status: 400 };
  if (code.startsWith('ERR_MCPS_')) return { ...described, status: 422 };
  if (code.startsWith('ERR_BROKER_')) return { ...described, status: 502 };
  return { ...described, status: STATUS[code] ?? 500 };
}
