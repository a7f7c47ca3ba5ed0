import { nodeFileSystem } from '../store/node-file-system';
import { summarizeAll } from '../store/session-summary';
import { type Command, ExitCode, print, printJson } from './command';
import { requireStoragePath } from './offline-store';
import { describe, reportOf } from './report';

export const inspectCommand: Command = {
  positionals: ['<storage path>', '<client id>'],
  summary: 'one session, as of its last snapshot, with its subscriptions and messages in flight',
  async run({ positionals: [path = '', clientId = ''], flag }) {
    await requireStoragePath(path);
    const summaries = await summarizeAll(nodeFileSystem, path);
    const summary = summaries.find(({ metadata }) => metadata?.clientId === clientId);
    if (summary?.state === undefined) {
      const unreadable = summaries.filter(({ metadata }) => metadata === undefined).length;
      const hint = unreadable > 0 ? ` ${unreadable} session(s) there cannot be read: see the list.` : '';
      throw new Error(`There is no session of "${clientId}" in ${path}.${hint}`);
    }
    if (flag('json')) {
      printJson(reportOf(summary));
      return ExitCode.Done;
    }
    print(...describe(summary));
    for (const { filter, qos, state } of summary.state.subscriptions) {
      print(`subscription ${JSON.stringify(filter)}, QoS ${qos}, ${state}`);
    }
    for (const { sequence, packetId, phase } of summary.state.open) {
      print(`message ${sequence}, packet identifier ${packetId}, ${phase}`);
    }
    return ExitCode.Done;
  },
};
