import * as path from 'node:path';
import { ByteReader } from '../../mcps/byte-reader';
import { MCPS_VERSION_OFFSET, readMetadata } from '../../mcps/header';
import { McpsError } from '../../mcps/mcps-error';
import type { FileSystem } from '../../store/file-system';
import { readStart } from '../../store/files';
import { sessionDirectoryName } from '../../store/safe-name';
import { findStoredFiles } from '../../store/snapshots';

const HEAD_BYTES = 64 + 65_535;

/**
 * The client id of a session whose snapshots are damaged. The directory's name carries a hash of it, so a guess is proven
 * or worth nothing; guessed are what damaged snapshots begin with, the readable part of the name, and `known`.
 * @returns undefined when none of the guesses is right.
 */
export async function provenClientId(
  fileSystem: FileSystem,
  directory: string,
  known: Iterable<string>,
): Promise<string | undefined> {
  const name = path.basename(directory);
  const { snapshotPaths } = await findStoredFiles(fileSystem, directory);
  const guesses = [name.replace(/~[^~]*$/, ''), ...known];
  for (const file of snapshotPaths) {
    const clientId = clientIdAtStart(await readStart(fileSystem, file, HEAD_BYTES));
    if (clientId !== undefined) guesses.unshift(clientId);
  }
  return guesses.find((clientId) => sessionDirectoryName(clientId) === name);
}

function clientIdAtStart(head: Buffer): string | undefined {
  try {
    // Magic and version may be what is damaged.
    return readMetadata(new ByteReader(head, MCPS_VERSION_OFFSET + 2)).clientId;
  } catch (error) {
    if (error instanceof McpsError) return undefined;
    throw error;
  }
}
