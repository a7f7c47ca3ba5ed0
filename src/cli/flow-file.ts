// A flow file as Node-RED's local file storage keeps it: read, and replaced without ever losing what was there.
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { FlowNode } from '../convert';

export interface FlowFile {
  /** Where it really is: a link stays a link. */
  path: string;
  bytes: Buffer;
  flows: FlowNode[];
  /** Flows as a text in the file's own style. */
  format: (flows: readonly FlowNode[]) => string;
  /** False when no usual style gives exactly this file, so that more than the converted nodes will differ. */
  isUsualStyle: boolean;
}

/** @throws Error naming the file when it cannot be read, or is not a flow file. */
export async function readFlowFile(file: string): Promise<FlowFile> {
  const real = await fs.realpath(file);
  const bytes = await fs.readFile(real);
  // Decoded all the same, characters would be lost when it is written.
  if (!isUtf8(bytes)) throw new Error(`${file} is not UTF-8, as Node-RED writes flow files. Save it as UTF-8 first.`);
  const text = bytes.toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new Error(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isFlow(parsed)) {
    throw new Error(`${file} is not a flow file: it must hold a list of nodes, each with an id and a type.`);
  }
  return { path: real, bytes, flows: parsed, ...styleOf(text, parsed) };
}

function isFlow(value: unknown): value is FlowNode[] {
  const isNode = (entry: unknown): boolean =>
    typeof entry === 'object' &&
    entry !== null &&
    'id' in entry &&
    typeof entry.id === 'string' &&
    'type' in entry &&
    typeof entry.type === 'string';
  return Array.isArray(value) && value.every(isNode);
}

/** Node-RED writes compact text, or four spaces with `flowFilePretty`; others keep an entry on each line. */
function styleOf(text: string, flows: readonly FlowNode[]): Pick<FlowFile, 'format' | 'isUsualStyle'> {
  const [, mark = '', body = text] = /^(\uFEFF?)(.*)$/s.exec(text) ?? [];
  const end = /\s*$/.exec(body)?.[0] ?? '';
  const newline = body.includes('\r\n') ? '\r\n' : '\n';
  const indentation = /^\[\s*?\r?\n([ \t]+)/.exec(body)?.[1] ?? '';
  const linewise = (entries: readonly FlowNode[]): string =>
    `[\n${entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]`;
  const indented = (entries: readonly FlowNode[]): string => JSON.stringify(entries, undefined, indentation);
  const styles = [indented, linewise].map((style) => (entries: readonly FlowNode[]): string => {
    return mark + style(entries).replaceAll('\n', newline) + end;
  });
  const format = styles.find((style) => style(flows) === text);
  return { format: format ?? styles[0] ?? JSON.stringify, isUsualStyle: format !== undefined };
}

/**
 * Puts `text` in the place of the file at `target`, atomically, keeping what is there in a new file beside it. `known`
 * is what the caller has read there.
 * @returns the path of the backup; undefined when there was no file.
 * @throws Error when the file has changed since it was read; the system's errors. The file is as it was then.
 */
export async function replaceFlowFile(target: string, text: string, known?: Buffer): Promise<string | undefined> {
  const status = await ifExists(fs.stat(target));
  const temporary = `${target}.${randomBytes(4).toString('hex')}.tmp`;
  let backup: string | undefined;
  try {
    await writeSynced(temporary, text, status?.mode);
    // Root may convert the file of the user who runs Node-RED.
    if (status !== undefined && process.getuid?.() === 0) await fs.chown(temporary, status.uid, status.gid);
    const present = status === undefined ? undefined : await fs.readFile(target);
    if (known !== undefined && !present?.equals(known)) {
      throw new Error(`${target} was changed meanwhile, and is left as it is. Stop Node-RED, and convert again.`);
    }
    if (present !== undefined) backup = await writeBackup(target, present, status?.mode);
    await fs.rename(temporary, target);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(target));
  return backup;
}

/** Beside the file, under the first free name: `.before-convert`, `.before-convert-2`, ... */
async function writeBackup(target: string, bytes: Buffer, mode: number | undefined): Promise<string> {
  for (let number = 1; ; number++) {
    const backup = `${target}.before-convert${number === 1 ? '' : `-${number}`}`;
    try {
      await writeSynced(backup, bytes, mode);
      return backup;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Creates a file that must not exist. */
async function writeSynced(file: string, content: string | Buffer, mode = 0o644): Promise<void> {
  const handle = await fs.open(file, 'wx', mode & 0o777);
  try {
    await handle.writeFile(content);
    // The mode given to open is narrowed by the umask of this process.
    await handle.chmod(mode & 0o777);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a rename durable; Windows cannot open directories. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function ifExists<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
