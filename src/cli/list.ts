import { nodeFileSystem } from '../store/node-file-system';
import { type SessionSummary, summarizeAll } from '../store/session-summary';
import { type Command, ExitCode, print, printJson } from './command';
import { requireStoragePath } from './offline-store';
import { describe, reportOf } from './report';

export const listCommand: Command = {
  positionals: ['<storage path>'],
  summary: 'all sessions, as of their last snapshots',
  async run({ positionals: [path = ''], flag }) {
    await requireStoragePath(path);
    const summaries = await summarizeAll(nodeFileSystem, path);
    if (flag('json')) printJson(summaries.map(reportOf));
    else if (summaries.length === 0) print(`No sessions in ${path}.`);
    else print(...summaries.map(line));
    return summaries.some((summary) => summary.error !== undefined) ? ExitCode.Damaged : ExitCode.Done;
  },
};

function line(summary: SessionSummary): string {
  if (summary.metadata === undefined) return `${summary.directory}: ${summary.error?.message ?? 'unreadable'}`;
  return describe(summary).join(', ');
}
