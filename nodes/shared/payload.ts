import { isUtf8 } from 'node:buffer';
import { SessionError } from '../../src/errors';

/** Above it no PUBLISH can be encoded (2.2.3 of 3.1.1: Remaining Length), whatever its topic and properties. */
const PAYLOAD_BYTES_MAX = 268_435_455;

/**
 * `msg.payload` as it is published: objects as JSON, numbers and booleans as text, null and undefined as an empty text.
 * A Buffer is answered as it is: copy it before anything asynchronous.
 * @throws SessionError `ERR_PAYLOAD` for what has no text: circular objects, functions, symbols.
 */
export function encodePayload(payload: unknown): string | Buffer {
  const encoded = textOrBytes(payload);
  const bytes = typeof encoded === 'string' ? Buffer.byteLength(encoded) : encoded.length;
  if (bytes > PAYLOAD_BYTES_MAX) {
    throw new SessionError('ERR_PAYLOAD', `The payload of ${bytes} bytes is larger than an MQTT packet can be.`);
  }
  return encoded;
}

function textOrBytes(payload: unknown): string | Buffer {
  if (payload === null || payload === undefined) return '';
  if (Buffer.isBuffer(payload)) return payload;
  switch (typeof payload) {
    case 'string':
      return payload;
    case 'object':
      return jsonOf(payload);
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(payload);
    default:
      throw new SessionError('ERR_PAYLOAD', `A payload of type ${typeof payload} cannot be published.`);
  }
}

function jsonOf(payload: object): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(payload);
  } catch (cause) {
    throw new SessionError('ERR_PAYLOAD', `The payload cannot be written as JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (json === undefined) throw new SessionError('ERR_PAYLOAD', 'The payload has no JSON text.');
  return json;
}

/** Output of an in node. `auto` is `auto-detect` without parsed JSON. */
export type Datatype = 'auto-detect' | 'auto' | 'buffer' | 'utf8' | 'json' | 'base64';

const DATATYPES: readonly string[] = ['auto-detect', 'auto', 'buffer', 'utf8', 'json', 'base64'];

/** A datatype from a configuration; anything else is `undefined`. */
export function datatypeOf(value: unknown): Datatype | undefined {
  return DATATYPES.includes(value as string) ? (value as Datatype) : undefined;
}

/** What MQTT 5 says about a payload; nothing in 3.1.1. */
export interface PayloadHints {
  payloadFormatIndicator?: boolean;
  contentType?: string;
}

/** `invalid-json-string`: not UTF-8. `invalid-json-parse`: not JSON. Keys of Node-RED's own MQTT nodes. */
export type PayloadProblem = 'invalid-json-string' | 'invalid-json-parse';

/** With `problem`, the payload as an error shows it. */
export type DecodedPayload = { payload: unknown; problem?: PayloadProblem };

const STRING_TYPES = new Set(['text/css', 'text/html', 'text/plain', 'application/xml']);
const JSON_TYPE = 'application/json';
const BINARY_TYPES = new Set([
  'application/octet-stream',
  'application/pdf',
  'application/x-gtar',
  'application/x-gzip',
  'application/x-tar',
  'application/zip',
  'audio/aac',
  'audio/ac3',
  'audio/basic',
  'audio/mp4',
  'audio/ogg',
  'image/bmp',
  'image/gif',
  'image/jpeg',
  'image/tiff',
  'image/png',
]);

/** The payload of an inbound message as the in node's datatype asks for it. */
export function decodePayload(bytes: Buffer, datatype: Datatype, hints: PayloadHints): DecodedPayload {
  switch (datatype) {
    case 'buffer':
      return { payload: bytes };
    case 'base64':
      return { payload: bytes.toString('base64') };
    case 'utf8':
      return { payload: bytes.toString('utf8') };
    case 'json':
      if (hints.payloadFormatIndicator !== true && !isText(bytes)) {
        return { payload: bytes, problem: 'invalid-json-string' };
      }
      return parsed(bytes.toString('utf8'), bytes);
    default:
      return detected(bytes, datatype === 'auto-detect', hints);
  }
}

/** MQTT 5's content type decides where it is a known one; otherwise what the bytes look like. */
function detected(bytes: Buffer, parseJson: boolean, hints: PayloadHints): DecodedPayload {
  const type = hints.contentType?.toLowerCase();
  if (type !== undefined) {
    if (STRING_TYPES.has(type)) return { payload: bytes.toString('utf8') };
    if (BINARY_TYPES.has(type)) return { payload: bytes };
    if (type === JSON_TYPE) {
      const text = bytes.toString('utf8');
      const result = parsed(text, text);
      return parseJson || result.problem !== undefined ? result : { payload: text };
    }
  }
  if (hints.payloadFormatIndicator !== true && !isText(bytes)) return { payload: bytes };
  const text = bytes.toString('utf8');
  if (!parseJson) return { payload: text };
  // Nobody said that it were JSON: then it is a string.
  return { payload: parsed(text, text).payload };
}

/** `otherwise`: the payload when it is not JSON. */
function parsed(text: string, otherwise: string | Buffer): DecodedPayload {
  try {
    return { payload: JSON.parse(text) as unknown };
  } catch {
    return { payload: otherwise, problem: 'invalid-json-parse' };
  }
}

/** Text as Node-RED's own nodes see it: UTF-8, with no control characters of ASCII but tabulator and line ends. */
function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !CONTROL_CHARACTER.test(bytes.toString('latin1'));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL_CHARACTER = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
