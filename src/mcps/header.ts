import type { SessionMetadata } from '../session/state';
import type { ByteReader } from './byte-reader';
import type { ByteWriter } from './byte-writer';
import { McpsError } from './mcps-error';

/** Written little-endian, so that a file starts with the bytes 53 50 43 4D. */
export const MCPS_MAGIC = 0x4d435053;

/** Offset of the u16 version, behind the magic. */
export const MCPS_VERSION_OFFSET = 4;

/** The header that MCPS v1 and v2 share: magic, version, times, expiry, client id. */
export function writeHeader(writer: ByteWriter, version: number, metadata: SessionMetadata): void {
  writer.u32(MCPS_MAGIC, 'magic');
  writer.u16(version, 'version');
  writer.u64(metadata.createdAt, 'created time');
  writer.u64(metadata.lastAccessAt, 'last access time');
  writer.u32(metadata.expiryInterval, 'expiry interval');
  writer.text16(metadata.clientId, 'client id');
}

/**
 * The version that `bytes` claim to have.
 * @throws McpsError `ERR_MCPS_MAGIC` when they are no session file, `ERR_MCPS_TRUNCATED` when they end before.
 */
export function readVersion(reader: ByteReader): number {
  if (reader.u32('magic') !== MCPS_MAGIC) {
    throw new McpsError('ERR_MCPS_MAGIC', 'not a session file: it does not start with 53 50 43 4D');
  }
  return reader.u16('version');
}

/** The header behind the version. */
export function readMetadata(reader: ByteReader): SessionMetadata {
  const createdAt = reader.u64('created time');
  const lastAccessAt = reader.u64('last access time');
  const expiryInterval = reader.u32('expiry interval');
  const clientId = reader.text(reader.u16('client id length'), 'client id');
  return { clientId, createdAt, lastAccessAt, expiryInterval };
}
