import { errorCode } from '../../src/errors';
import type { Translate } from './texts';

/** Codes of errors that reach Catch nodes and the log, with a text in the catalogue. */
export const TRANSLATED_CODES: readonly string[] = [
  'ERR_STORE_PATH',
  'ERR_STORE_FULL',
  'ERR_STORE_CLOSED',
  'ERR_STORE_BUSY',
  'ENOSPC',
  'ERR_SESSION_LOCKED',
  'ERR_SESSION_LOST',
  'ERR_CLIENT_ID',
  'ERR_CLIENT_ID_IN_USE',
  'ERR_BROKER_URL',
  'ERR_BROKER_CERTIFICATE',
  'ERR_BROKER_UNREACHABLE',
  'ERR_BROKER_TIMEOUT',
  'ERR_BROKER_REFUSED',
  'ERR_BROKER_DISCONNECT',
  'ERR_BROKER_SILENT',
  'ERR_BROKER_PROTOCOL',
  'ERR_TOPIC',
  'ERR_FILTER',
  'ERR_PAYLOAD',
  'ERR_PROPERTY',
  'ERR_QUEUE_FULL',
  'ERR_MESSAGE_REFUSED',
  'ERR_MESSAGE_EXPIRED',
  'ERR_MESSAGE_TOO_LARGE',
  'ERR_MESSAGE_RETAIN',
  'ERR_MESSAGE_DROPPED',
  'ERR_MESSAGE_POISONED',
  'ERR_SESSION_UNKNOWN',
  'ERR_SESSION_NOT_EMPTY',
  'ERR_ACKNOWLEDGED',
  'ERR_ACKNOWLEDGEMENT',
  'ERR_ACKNOWLEDGEMENT_LATE',
];

/**
 * An error with what its code means in the language of the runtime, and its own text, which is English, behind that. The
 * error itself stays as it is, because others have it, too. In English it is what comes back.
 */
export function localizedError(error: unknown, translate: Translate): unknown {
  const code = errorCode(error);
  if (!(error instanceof Error) || code === undefined || !TRANSLATED_CODES.includes(code)) return error;
  const key = `codes.${code}`;
  const message = translate(key, { message: error.message });
  // Without a catalogue the key comes back.
  if (message === error.message || message.endsWith(key)) return error;
  const localized: Error = Object.create(Object.getPrototypeOf(error), Object.getOwnPropertyDescriptors(error));
  return Object.defineProperty(localized, 'message', { value: message });
}
