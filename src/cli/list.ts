import { nodeFileSystem } from '../store/node-file-system';
import { type SessionSummary, summarizeAll } from '../store/session-summary';
import { describe, reportOf } from './report';

/** @returns 1 when a session could not be read, else 0. @throws the system's error when the path cannot be read. */
export async function listCommand(path: string, json: boolean): Promise<number> {
  const summaries = await summarizeAll(nodeFileSystem, path);
  if (json) process.stdout.write(`${JSON.stringify(summaries.map(reportOf), null, 2)}\n`);
  else if (summaries.length === 0) process.stdout.write(`No sessions in ${path}.\n`);
  else for (const summary of summaries) process.stdout.write(`${line(summary)}\n`);
  return summaries.some((summary) => summary.error !== undefined) ? 1 : 0;
}

function line(summary: SessionSummary): string {
  if (summary.metadata === undefined) return `${summary.directory}: ${summary.error?.message ?? 'unreadable'}`;
  return describe(summary).join(', ');
}
