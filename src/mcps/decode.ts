import { ByteReader } from './byte-reader';
import { readVersion } from './header';
import { decodeMcpsV1, MCPS_VERSION_1, type McpsV1Session } from './v1';
import { decodeMcpsV2, type McpsV2Snapshot } from './v2';

export type McpsFile = { version: 1; session: McpsV1Session } | { version: 2; snapshot: McpsV2Snapshot };

/**
 * Reads a session file of any version known.
 * @throws McpsError as `decodeMcpsV1` and `decodeMcpsV2`; `ERR_MCPS_VERSION` for any other version.
 */
export function decodeMcps(bytes: Buffer): McpsFile {
  if (readVersion(new ByteReader(bytes)) === MCPS_VERSION_1) return { version: 1, session: decodeMcpsV1(bytes) };
  return { version: 2, snapshot: decodeMcpsV2(bytes) };
}
