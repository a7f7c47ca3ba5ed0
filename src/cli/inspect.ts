import { nodeFileSystem } from '../store/node-file-system';
import { summarizeAll } from '../store/session-summary';
import { describe, reportOf } from './report';

/** @returns 0, or 1 when the session cannot be read. @throws Error when there is no such session. */
export async function inspectCommand(path: string, clientId: string, json: boolean): Promise<number> {
  const summaries = await summarizeAll(nodeFileSystem, path);
  const summary = summaries.find(({ metadata }) => metadata?.clientId === clientId);
  if (summary?.state === undefined) {
    const unreadable = summaries.filter(({ metadata }) => metadata === undefined).length;
    const hint = unreadable > 0 ? ` ${unreadable} session(s) there cannot be read: see the list.` : '';
    throw new Error(`There is no session of "${clientId}" in ${path}.${hint}`);
  }
  if (json) {
    process.stdout.write(`${JSON.stringify(reportOf(summary), null, 2)}\n`);
    return 0;
  }
  process.stdout.write(`${describe(summary).join('\n')}\n`);
  for (const { filter, qos, state } of summary.state.subscriptions) {
    process.stdout.write(`subscription ${JSON.stringify(filter)}, QoS ${qos}, ${state}\n`);
  }
  for (const { sequence, packetId, phase } of summary.state.open) {
    process.stdout.write(`message ${sequence}, packet identifier ${packetId}, ${phase}\n`);
  }
  return 0;
}
