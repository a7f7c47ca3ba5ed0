import { crc32 } from 'node:zlib';

/** No node has this id. Its entry is the checksum of all others, because any other client id is another session. */
const CHECKSUM_NAME = '';

/** The content of `client-ids.json`. @throws TypeError for a node without an id. */
export function encodeClientIds(ids: ReadonlyMap<string, string>): Buffer {
  if (ids.has(CHECKSUM_NAME)) throw new TypeError('A client id is generated for a node, whose id is not empty');
  const content = Object.fromEntries([[CHECKSUM_NAME, checksumOf(ids)], ...ids]);
  return Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`);
}

/** Client ids by node id. A file without a checksum was written by hand. @throws Error with what is wrong. */
export function decodeClientIds(bytes: Buffer): Map<string, string> {
  const content: unknown = JSON.parse(bytes.toString('utf8'));
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new TypeError('it is not a JSON object');
  }
  const ids = new Map<string, string>();
  for (const [node, clientId] of Object.entries(content)) {
    if (typeof clientId !== 'string' || clientId === '') throw new TypeError(`the entry of "${node}" is no client id`);
    ids.set(node, clientId);
  }
  const checksum = ids.get(CHECKSUM_NAME);
  ids.delete(CHECKSUM_NAME);
  if (checksum !== undefined && checksum !== checksumOf(ids)) {
    throw new Error('its checksum, the entry "", does not hold; if you have changed the file, take that entry out');
  }
  return ids;
}

/** Of the entries by node id, whatever their order and layout. */
function checksumOf(ids: ReadonlyMap<string, string>): string {
  const entries = [...ids].sort(([one], [other]) => (one < other ? -1 : 1));
  return crc32(JSON.stringify(entries)).toString(16).padStart(8, '0');
}
