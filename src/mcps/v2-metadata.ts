import { crc32 } from 'node:zlib';
import type { SessionMetadata } from '../session/state';
import { ByteReader } from './byte-reader';
import { readMetadata, readVersion } from './header';
import { McpsError } from './mcps-error';
import { MCPS_VERSION_2 } from './v2';

/** The header with the longest client id. */
export const MCPS_V2_HEADER_BYTES_MAX = 32 + 65_535;

/**
 * The header of a snapshot, for who wants no more of it. `bytes`: its beginning, at least the header.
 * @throws McpsError `ERR_MCPS_TRUNCATED` when it is longer than `bytes`, `ERR_MCPS_VERSION`, `ERR_MCPS_CHECKSUM`, ...
 */
export function decodeMcpsV2Metadata(bytes: Buffer): SessionMetadata {
  const reader = new ByteReader(bytes);
  const version = readVersion(reader);
  if (version !== MCPS_VERSION_2) {
    throw new McpsError('ERR_MCPS_VERSION', `session file has version ${version}, not 2`, { version });
  }
  const metadata = readMetadata(reader);
  const checksum = crc32(bytes.subarray(0, reader.offset));
  if (reader.u32('header checksum') !== checksum) {
    throw new McpsError('ERR_MCPS_CHECKSUM', 'the checksum of the header does not hold');
  }
  return metadata;
}
