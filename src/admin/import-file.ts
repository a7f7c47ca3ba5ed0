import * as fs from 'node:fs';
import { errorCode } from '../errors';

/** A file on the disk, part by part. @throws Error naming it, with the code of the system, when it cannot be read. */
export async function* partsOfFile(file: string): AsyncGenerator<Buffer> {
  try {
    yield* fs.createReadStream(file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** Before anything is made for it. @throws as `partsOfFile`. */
export async function requireReadableFile(file: string): Promise<void> {
  try {
    await fs.promises.access(file, fs.constants.R_OK);
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): Error {
  const text = `The file ${file} cannot be imported: ${(cause as Error).message}. Name a file that this process may read.`;
  return Object.assign(new Error(text, { cause }), { code: errorCode(cause) });
}
