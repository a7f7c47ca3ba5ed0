// Runs the package's built command line as a process.
import { execFile } from 'node:child_process';
import * as path from 'node:path';

const bin = path.join(__dirname, '..', '..', 'dist', 'src', 'cli', 'main.js');
const TIMEOUT_MS = 60_000;

export interface CommandResult {
  code: number;
  /** What it wrote. */
  output: string;
  bytes: Buffer;
  errors: string;
  /** The output of a call with --json. */
  json(): unknown;
}

export function run(...words: string[]): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 } as const;
    execFile(process.execPath, [bin, ...words], options, (error, bytes, errorBytes) => {
      const code = error === null ? 0 : error.code;
      if (typeof code !== 'number') {
        reject(error);
        return;
      }
      const output = bytes.toString('utf8');
      resolve({ code, output, bytes, errors: errorBytes.toString('utf8'), json: () => JSON.parse(output) });
    });
  });
}
