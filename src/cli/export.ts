import * as fs from 'node:fs/promises';
import { EXPORT_FORMATS, type ExportFormat, exportSession } from '../admin/transfers';
import { type Command, ExitCode, printJson, tell, UsageError } from './command';
import { withStoragePath } from './offline-store';

export const exportCommand: Command = {
  positionals: ['<storage path>', '<client id>'],
  summary: 'writes a session, with its messages and dead letters, to a file or the standard output; it stays as it is',
  options: {
    format: {
      type: 'string',
      value: EXPORT_FORMATS.join('|'),
      help: 'JSON lines (default), or a file of the original implementation (MCPS version 1)',
    },
    'allow-loss': { type: 'boolean', help: 'mcps1: leaves out what such a file cannot hold instead of refusing' },
    output: { type: 'string', value: 'file', help: 'a file that does not exist yet; default: standard output' },
  },
  async run({ positionals: [storagePath = '', clientId = ''], flag, option }) {
    const format = formatOf(option('format'));
    const output = option('output');
    if (output === undefined && flag('json')) throw new UsageError('--json tells about the file that --output names.');
    const target = output === undefined ? standardOutput() : await newFile(output);
    try {
      const offline = { isRequired: true, keepFailedDays: Number.POSITIVE_INFINITY };
      const { lost, damage } = await withStoragePath(storagePath, offline, async (context, found) => {
        const options = { format, allowLoss: flag('allow-loss') };
        const exported = await exportSession(context, clientId, options, target.write);
        return { lost: exported.lost, damage: [...found, ...(exported.damage ?? [])] };
      });
      await target.finish();
      if (lost !== undefined && Object.values(lost).some((count) => count > 0))
        tell(`left out: ${JSON.stringify(lost)}`);
      if (damage.length > 0) tell('the session is damaged; what could be read of it was exported.');
      if (flag('json')) printJson({ clientId, format, output, lost, damage });
      return damage.length === 0 ? ExitCode.Done : ExitCode.Damaged;
    } catch (error) {
      await target.abandon();
      throw error;
    }
  },
};

interface ExportTarget {
  write(part: string | Buffer): Promise<void>;
  finish(): Promise<void>;
  /** What was written is not whole. */
  abandon(): Promise<void>;
}

function standardOutput(): ExportTarget {
  return {
    write: (part) =>
      new Promise((resolve, reject) => process.stdout.write(part, (error) => (error ? reject(error) : resolve()))),
    finish: async () => {},
    abandon: async () => {},
  };
}

/** Synced before the command ends: whoever deletes the session next relies on it. */
async function newFile(path: string): Promise<ExportTarget> {
  const handle = await fs.open(path, 'wx', 0o600);
  return {
    write: async (part) => {
      await handle.appendFile(part);
    },
    finish: async () => {
      await handle.sync();
      await handle.close();
    },
    abandon: async () => {
      await handle.close();
      await fs.rm(path, { force: true });
    },
  };
}

function formatOf(text = 'jsonl'): ExportFormat {
  const format = EXPORT_FORMATS.find((one) => one === text);
  if (format !== undefined) return format;
  throw new UsageError(`There is no format "${text}"; there are ${EXPORT_FORMATS.join(' and ')}.`);
}
