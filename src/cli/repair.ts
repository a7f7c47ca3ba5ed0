import * as path from 'node:path';
import { repairStorage, type SessionRepair } from '../admin/repair/storage';
import { isDamaged } from '../admin/verification/storage';
import { nodeFileSystem } from '../store/node-file-system';
import { type Command, ExitCode, print, printJson, tell } from './command';
import { requireStoragePath } from './offline-store';
import { describeVerification } from './verify';

export const repairCommand: Command = {
  positionals: ['<storage path>', '[client id]'],
  summary:
    'writes a new storage path with all that can be proven of damaged sessions; the damaged ones stay as they are',
  options: {
    output: { type: 'string', value: 'path', help: 'the new storage path; default: beside, with the time in its name' },
  },
  async run({ positionals: [storagePath = '', clientId], flag, option }) {
    await requireStoragePath(storagePath);
    const watching = ({ message }: Error) => tell(`${message} Watching it for half a minute.`);
    const repair = await repairStorage(nodeFileSystem, storagePath, { clientId, watching, output: option('output') });
    const { verification, output, sessions } = repair;
    if (flag('json')) printJson(repair);
    else {
      print(...describeVerification(verification));
      if (output === undefined) print('Nothing to repair; nothing was written.');
      else print('', ...sessions.map(describeRepair), `Written to ${output}; ${storagePath} is as it was.`);
    }
    return isDamaged(verification) ? ExitCode.Damaged : ExitCode.Done;
  },
};

function describeRepair(repair: SessionRepair): string {
  const name = repair.clientId === '' ? path.basename(repair.directory) : JSON.stringify(repair.clientId);
  switch (repair.outcome) {
    case 'copied':
      return `${name}: copied as it is`;
    case 'left out':
      return `${name}: LEFT OUT; ${repair.why}`;
    case 'rewritten': {
      const { messages, inflight, subscriptions, deadLetters } = repair.kept;
      return `${name}: kept ${messages.count} messages (${messages.bytes} bytes), ${inflight} of them in flight, ${subscriptions} subscriptions and ${deadLetters} dead letters`;
    }
  }
}
