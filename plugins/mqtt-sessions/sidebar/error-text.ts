import type { Text } from './types';

/**
 * Codes of errors that people meet here, with a text in the catalogue. The endpoints answer in English, as logs do; the
 * editor may have another language, in which the text says what happened and the answer stands beside it.
 */
export const ERROR_CODES: readonly string[] = [
  'ERR_SESSION_LOCKED',
  'ERR_SESSION_UNKNOWN',
  'ERR_SESSION_CLOSED',
  'ERR_SESSION_NOT_EMPTY',
  'ERR_STORE_UNKNOWN',
  'ERR_STORE_PATH',
  'ERR_STORE_FULL',
  'ERR_QUEUE_FULL',
  'ENOSPC',
  'ERR_EXPORT_LOSS',
  'ERR_IMPORT_FORMAT',
  'ERR_IMPORT_INCOMPLETE',
  'ERR_REQUEST_SIZE',
  'ERR_DISCONNECTED',
  'ERR_BROKER_UNREACHABLE',
  'ERR_BROKER_REFUSED',
  'ERR_CROSS_SITE',
];

/** An error of the runtime, in the language of the editor as far as its catalogue knows the code. */
export function errorText(code: string, message: string, text: Text): string {
  return ERROR_CODES.includes(code) ? text(`error.${code}`, { message }) : message;
}
