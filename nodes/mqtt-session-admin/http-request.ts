import type { Request } from 'express';
import { SessionError } from '../../src/errors';
import { isRecord } from '../shared/config-values';
import type { Properties } from './properties';

/**
 * The body of a request: a JSON object, or nothing. Node-RED has read it, up to its setting `apiMaxLength`.
 * @throws SessionError `ERR_REQUEST`.
 */
export function bodyOf(request: Request): Properties {
  const length = Number(request.headers['content-length'] ?? 0);
  const isEmpty = length === 0 && request.headers['transfer-encoding'] === undefined;
  if (isEmpty) return {};
  if (!request.is('application/json')) {
    throw new SessionError('ERR_REQUEST', 'The body must be JSON: send it with Content-Type: application/json.');
  }
  const body: unknown = request.body;
  if (isRecord(body)) return body;
  throw new SessionError('ERR_REQUEST', 'The body must be a JSON object.');
}

/** A whole number in the query; absent: undefined. @throws SessionError `ERR_PROPERTY`. */
export function countInQuery(request: Request, name: string): number | undefined {
  const text = request.query[name];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new SessionError('ERR_PROPERTY', `"${name}" must be a whole number.`, { details: { name } });
}

/** `true` or `false` in the query; absent: false. @throws SessionError `ERR_PROPERTY`. */
export function flagInQuery(request: Request, name: string): boolean {
  const text = request.query[name];
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw new SessionError('ERR_PROPERTY', `"${name}" must be true or false.`, { details: { name } });
}

/** One of `choices` in the query; absent: the first. @throws SessionError `ERR_PROPERTY`. */
export function choiceInQuery<T extends string>(request: Request, name: string, choices: readonly [T, ...T[]]): T {
  const text = request.query[name];
  const known = choices.find((choice) => choice === (text ?? choices[0]));
  if (known !== undefined) return known;
  throw new SessionError('ERR_PROPERTY', `"${name}" must be ${choices.join(' or ')}.`, { details: { name } });
}

/** A text in the query; absent: empty. @throws SessionError `ERR_PROPERTY`. */
export function textInQuery(request: Request, name: string): string {
  const text = request.query[name];
  if (text === undefined) return '';
  if (typeof text === 'string') return text;
  throw new SessionError('ERR_PROPERTY', `"${name}" must be a text.`, { details: { name } });
}
