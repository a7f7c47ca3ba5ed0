import { SessionError } from '../errors';
import { McpsError } from '../mcps/mcps-error';
import { decodeMcpsV1, encodeMcpsV1, type McpsV1Session } from '../mcps/v1';
import { spooled } from '../store/import-spool';
import { type Adoption, adoptSession as adopt } from '../transfer/adopt';
import { exportJsonl } from '../transfer/jsonl-export';
import { parseJsonlLine } from '../transfer/jsonl-format';
import { checkJsonl, importJsonl } from '../transfer/jsonl-import';
import { exportMcpsV1, type McpsV1Loss } from '../transfer/mcps-v1-export';
import { importMcpsV1 } from '../transfer/mcps-v1-import';
import type { AdminContext } from './context';
import { withOpenSession, withStoredSession } from './open-session';
import { deleteSession, sessionExists } from './sessions';

/** `jsonl`: everything, one JSON object a line. `mcps1`: a file of the original implementation. */
export type ExportFormat = 'jsonl' | 'mcps1';

export const EXPORT_FORMATS: readonly ExportFormat[] = ['jsonl', 'mcps1'];

/** Lines are written in parts of about this size. */
const PART_CHARACTERS = 64 * 1024;

export interface ExportOptions {
  format: ExportFormat;
  /** `mcps1`: leaves out what such a file cannot hold instead of refusing. */
  allowLoss?: boolean;
}

/**
 * Exports a session, in use or not, as of now; it stays as it is. `write` gets the file part by part and is waited for.
 * @returns `lost`: what the file cannot hold (`mcps1` with `allowLoss`); `damage`: what of the session could not be read.
 * @throws as `withOpenSession`; SessionError `ERR_EXPORT_LOSS`; the error of `write`.
 */
export function exportSession(
  context: AdminContext,
  clientId: string,
  { format, allowLoss = false }: ExportOptions,
  write: (part: string | Buffer) => Promise<void>,
): Promise<{ lost?: McpsV1Loss; damage?: readonly string[] }> {
  return withOpenSession(context, clientId, async (client) => {
    const copy = client.copy();
    const damageOf = () => (copy.lost().length === 0 ? {} : { damage: copy.lost() });
    if (format === 'mcps1') {
      const { file, lost } = await exportMcpsV1(copy, { allowLoss });
      await write(file);
      return { lost, ...damageOf() };
    }
    let lines = '';
    for await (const line of exportJsonl(copy, Date.now())) {
      lines += line;
      if (lines.length < PART_CHARACTERS) continue;
      await write(lines);
      lines = '';
    }
    await write(lines);
    return damageOf();
  });
}

export interface ImportOptions {
  /** Import into this session; absent: the one that the file names. */
  clientId?: string | undefined;
  /** Delete what is stored under that client id before, once the whole file is known to be in order. */
  replace?: boolean;
}

export interface ImportResult {
  clientId: string;
  format: ExportFormat;
  messages: number;
  /** `jsonl`: messages that an earlier import of the same file had brought. */
  duplicates: number;
  subscriptions: number;
  deadLetters: number;
  /** `mcps1`: what no broker would take, each as a sentence. */
  leftOut?: string[];
}

/**
 * Imports a file that `exportSession` or the original implementation made; its format is told by its beginning. A file of
 * the original implementation becomes a session of its own, with everything in it: one that holds anything is refused
 * unless `replace` is set. JSON lines are appended to the session, which is made if there is none; the same file twice
 * brings nothing twice.
 * @throws SessionError `ERR_IMPORT_FORMAT`, `ERR_IMPORT_INCOMPLETE`, `ERR_SESSION_NOT_EMPTY`, `ERR_SESSION_LOCKED`,
 * `ERR_CLIENT_ID`; McpsError for a damaged file; the error of `input`.
 */
export async function importSession(
  context: AdminContext,
  input: AsyncIterable<Buffer>,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const source = input[Symbol.asyncIterator]();
  const head = await readUntilLine(source);
  if (startsLikeMcps(head)) return importOriginal(context, await readAll(head, source), options);
  return importLines(context, head, restOf(head, source), options);
}

/**
 * Moves the messages and dead letters of a session that nobody uses to the end of another one's queue, and deletes it.
 * Interrupted, it is repeated by the same call.
 * @param from The client id of the session that is adopted.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_LOCKED` when it is in use, `ERR_SESSION_SAME`; as
 * `withOpenSession`, for the session that adopts.
 */
export function adoptSession(context: AdminContext, clientId: string, from: string): Promise<Adoption> {
  if (context.live(from) !== undefined && from !== clientId) {
    const text = `The session "${from}" is in use by a broker node of this process: only one that nobody uses can be adopted.`;
    throw new SessionError('ERR_SESSION_LOCKED', text, { details: { clientId: from } });
  }
  return withOpenSession(context, clientId, (client) => adopt(context.store, from, client));
}

async function importOriginal(
  context: AdminContext,
  file: Buffer,
  { clientId, replace = false }: ImportOptions,
): Promise<ImportResult> {
  const session = decodeOriginal(file);
  const target = clientId ?? session.clientId;
  const content = target === session.clientId ? file : encodeMcpsV1({ ...session, clientId: target });
  const work = () => importMcpsV1(context.store, content, { replace });
  const live = context.live(target);
  const imported = await (live === undefined ? work() : live.whileClosed(work, { deletesMessages: replace }));
  return { ...imported, format: 'mcps1', duplicates: 0, deadLetters: 0 };
}

/** @throws McpsError that says what the file is. */
function decodeOriginal(file: Buffer): McpsV1Session {
  try {
    return decodeMcpsV1(file);
  } catch (error) {
    if (!(error instanceof McpsError)) throw error;
    const text = `The file begins as a session file of MCPS, and cannot be read as one of version 1: ${error.message}. Nothing was imported.`;
    throw new McpsError(error.code, text, error.details);
  }
}

async function importLines(
  context: AdminContext,
  head: Buffer,
  input: AsyncIterable<Buffer>,
  { clientId, replace = false }: ImportOptions,
): Promise<ImportResult> {
  const target = clientId ?? clientIdIn(head);
  const bring = async (lines: AsyncIterable<Buffer>): Promise<ImportResult> => {
    const open = context.live(target) === undefined ? withStoredSession : withOpenSession;
    const { lost: _lost, ...imported } = await open(context, target, (client) => importJsonl(lines, client));
    return { ...imported, clientId: target, format: 'jsonl' };
  };
  if (!replace || !(await sessionExists(context, target))) return bring(input);
  // Nothing is deleted for a file that turns out to be damaged, or does not arrive whole.
  return spooled(context.store.path, input, async (read) => {
    await checkJsonl(read());
    await deleteSession(context, target);
    return bring(read());
  });
}

/** Of the first line. @throws SessionError `ERR_IMPORT_FORMAT`. */
function clientIdIn(head: Buffer): string {
  const [line = ''] = head.toString('utf8').split('\n');
  const entry = parseJsonlLine(line, 1);
  if (entry.type === 'session') return entry.clientId;
  throw new SessionError('ERR_IMPORT_FORMAT', 'Line 1: the file does not begin with the session.');
}

const MCPS_START = Buffer.from('SPCM', 'latin1');
/** Of the first line: a client id may have 65,535 bytes, written as six characters each. */
const FIRST_LINE_BYTES_MAX = 1024 * 1024;

function startsLikeMcps(head: Buffer): boolean {
  return head.subarray(0, MCPS_START.length).equals(MCPS_START);
}

/** Whole parts up to the one that ends the first line. */
async function readUntilLine(source: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < FIRST_LINE_BYTES_MAX && !head.includes(0x0a)) {
    const next = await source.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
    if (head.length >= MCPS_START.length && startsLikeMcps(head)) break;
  }
  return head;
}

async function readAll(head: Buffer, source: AsyncIterator<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of restOf(head, source)) parts.push(part);
  return Buffer.concat(parts);
}

async function* restOf(head: Buffer, source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
}
