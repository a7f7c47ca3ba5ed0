import { HEADER_BYTES } from './format';

/** How many dead letters a session has. */
export interface DeadLetterCount {
  /** Of a session that is not open here: as of its last snapshot. Absent: not known, but there may be some. */
  count?: number;
  /** What they take on the disk, what was removed since their file was last written anew included. 0: there are none. */
  bytes: number;
}

/**
 * The dead letters of a session that is not open, without a look into their file.
 * @param fileSize Of `failed.mcpj`; 0: there is none.
 * @param counted What the snapshot says; absent: nothing.
 */
export function storedDeadLetters(fileSize: number, counted: number | undefined): DeadLetterCount {
  const bytes = Math.max(0, fileSize - HEADER_BYTES);
  if (bytes === 0) return { count: 0, bytes };
  // The last one to go leaves a file without content: a snapshot that knows of none is older than what is there.
  return counted === undefined || counted === 0 ? { bytes } : { count: counted, bytes };
}
