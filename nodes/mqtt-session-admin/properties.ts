import { SessionError } from '../../src/errors';

/** What came with a request: a message, or the body of an HTTP request. */
export type Properties = Readonly<Record<string, unknown>>;

/** True or false; absent: `fallback`. @throws SessionError `ERR_PROPERTY`. */
export function booleanProperty(from: Properties, name: string, fallback = false): boolean {
  const value = from[name];
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'boolean') return value;
  throw wrong(name, value, 'true or false');
}

/** A whole number of `min` or above; absent: undefined. @throws SessionError `ERR_PROPERTY`. */
export function countProperty(from: Properties, name: string, min = 0): number | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value;
  throw wrong(name, value, `a whole number of ${min} or above`);
}

/** A text that is not empty; absent: undefined. @throws SessionError `ERR_PROPERTY`. */
export function textProperty(from: Properties, name: string): string | undefined {
  const value = from[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw wrong(name, value, 'a text');
}

/**
 * A client id, exactly as it is: what is no text must not be taken for "not named", or another session than the one that
 * was meant would be deleted. A number is its digits. Absent or empty: undefined. @throws SessionError `ERR_PROPERTY`.
 */
export function clientIdProperty(from: Properties, name: string): string | undefined {
  const value = from[name];
  return typeof value === 'number' ? String(value) : textProperty(from, name);
}

/** One of `choices`; absent: undefined. @throws SessionError `ERR_PROPERTY`. */
export function choiceProperty<T extends string>(from: Properties, name: string, choices: readonly T[]): T | undefined {
  const value = textProperty(from, name);
  const choice = choices.find((one) => one === value);
  if (value === undefined || choice !== undefined) return choice;
  throw wrong(name, value, choices.join(' or '));
}

/** Ids of dead letters; absent: undefined, which means all. @throws SessionError `ERR_PROPERTY`. */
export function idsProperty(from: Properties, name: string): number[] | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  if (ids.every((id): id is number => typeof id === 'number' && Number.isSafeInteger(id) && id > 0)) return ids;
  throw wrong(name, value, 'a list of ids, as the action failed gives them');
}

/**
 * A file: its content as a Buffer in `file` or `payload`, or its path in `file`; undefined: none is named.
 * @throws SessionError `ERR_PROPERTY`.
 */
export function fileProperty(from: Properties): Buffer | string | undefined {
  const { file, payload } = from;
  if (file === undefined || file === null || file === '') return Buffer.isBuffer(payload) ? payload : undefined;
  if (Buffer.isBuffer(file) || typeof file === 'string') return file;
  throw wrong('file', file, 'a Buffer, or the path of a file');
}

/** A text is not repeated: it may be large, or secret. */
function wrong(name: string, value: unknown, expected: string): SessionError {
  return new SessionError('ERR_PROPERTY', `"${name}" must be ${expected}; it is ${described(value)}.`, {
    details: { name },
  });
}

function described(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
