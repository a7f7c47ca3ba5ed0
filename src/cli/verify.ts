import * as path from 'node:path';
import type { Finding } from '../admin/verification/finding';
import type { SessionVerification } from '../admin/verification/session';
import { isDamaged, type StorageVerification, verifyStorage } from '../admin/verification/storage';
import { nodeFileSystem } from '../store/node-file-system';
import { type Command, ExitCode, print, printJson, tell } from './command';

export const verifyCommand: Command = {
  positionals: ['<storage path>', '[client id]'],
  summary: 'checks every record, checksum and count of all sessions, or of one; changes nothing',
  async run({ positionals: [storagePath = '', clientId], flag }) {
    const watching = ({ message }: Error) => tell(`${message} Watching it for half a minute.`);
    const verification = await verifyStorage(nodeFileSystem, storagePath, { clientId, watching });
    if (flag('json')) printJson({ damaged: isDamaged(verification), ...verification });
    else print(...describeVerification(verification));
    return isDamaged(verification) ? ExitCode.Damaged : ExitCode.Done;
  },
};

/** The report, line by line, with a sum at its end. */
export function describeVerification({ path: storagePath, sessions, findings }: StorageVerification): string[] {
  const lines = sessions.flatMap((session) => [describeSession(session), ...session.findings.map(describeFinding)]);
  lines.push(...findings.map(describeFinding));
  const damaged = sessions.filter((session) => session.findings.some(({ severity }) => severity === 'damage')).length;
  const others = findings.filter(({ severity }) => severity === 'damage').length;
  const messages = sessions.reduce((sum, session) => sum + session.messages.count, 0);
  const beside = others === 0 ? '' : ` ${others} other file(s) damaged.`;
  lines.push(`${sessions.length} session(s) in ${storagePath}, ${messages} message(s): ${damaged} damaged.${beside}`);
  return lines;
}

function describeSession(session: SessionVerification): string {
  const { clientId, directory, messages, inflight, subscriptions, deadLetters, records, segments, findings } = session;
  const name = clientId === '' ? path.basename(directory) : JSON.stringify(clientId);
  const verdict = findings.some(({ severity }) => severity === 'damage') ? 'DAMAGED' : 'in order';
  const content = [
    `${messages.count} messages (${messages.bytes} bytes)`,
    `${inflight} in flight`,
    `${subscriptions} subscriptions`,
    ...(deadLetters === 0 ? [] : [`${deadLetters} dead letters`]),
    `${records} records in ${segments} segments`,
  ];
  return `${name}: ${verdict}; ${content.join(', ')}`;
}

function describeFinding({ severity, check, text }: Finding): string {
  return `  ${severity} (${check}): ${text}`;
}
