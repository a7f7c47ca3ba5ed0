import { createHash } from 'node:crypto';
import { SessionError } from '../errors';

/** A UTF-8 string in a packet has at most so many bytes (MQTT-1.5.3 (3.1.1), 1.5.4 (5.0)). */
const CLIENT_ID_BYTES_MAX = 65_535;
const READABLE_LENGTH_MAX = 40;
/** 128 bits: two client ids do not meet by chance, nor by search. */
const HASH_DIGITS = 32;

const directoryName = new RegExp(`^[A-Za-z0-9_-]{1,${READABLE_LENGTH_MAX}}~[0-9a-f]{${HASH_DIGITS}}$`);

/**
 * Name of a session's directory: `<readable part>~<hash>`. The hash of the exact UTF-8 bytes alone decides, so names
 * differ on file systems that ignore case or normalise Unicode; the readable part is for people. It holds letters,
 * digits, `-` and `_` only: no dot (so no reserved Windows name with an extension), no separator, at most 73 characters.
 * @throws SessionError `ERR_CLIENT_ID` when MQTT cannot carry the client id (too long, or not well-formed Unicode).
 */
export function sessionDirectoryName(clientId: string): string {
  const bytes = Buffer.from(clientId, 'utf8');
  if (bytes.length > CLIENT_ID_BYTES_MAX) {
    throw new SessionError(
      'ERR_CLIENT_ID',
      `The client id has ${bytes.length} bytes; MQTT allows ${CLIENT_ID_BYTES_MAX}.`,
    );
  }
  if (/\p{Surrogate}/u.test(clientId)) {
    throw new SessionError(
      'ERR_CLIENT_ID',
      'The client id contains half of a surrogate pair, which UTF-8 cannot hold.',
    );
  }
  const readable = clientId.slice(0, READABLE_LENGTH_MAX).replace(/[^A-Za-z0-9_-]/g, '_') || '_';
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, HASH_DIGITS);
  return `${readable}~${hash}`;
}

/** True for names that `sessionDirectoryName` makes; everything else in a storage path is foreign. */
export function isSessionDirectoryName(name: string): boolean {
  return directoryName.test(name);
}
