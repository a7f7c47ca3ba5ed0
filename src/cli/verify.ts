import * as path from 'node:path';
import type { Finding } from '../admin/verification/finding';
import type { SessionVerification } from '../admin/verification/session';
import { isDamaged, type StorageVerification, verdictOf, verifyStorage } from '../admin/verification/storage';
import { nodeFileSystem } from '../store/node-file-system';
import { type Command, ExitCode, print, printJson, tell } from './command';
import { requireStoragePath } from './offline-store';

export const verifyCommand: Command = {
  positionals: ['<storage path>', '[client id]'],
  summary: 'checks every record, checksum and count of all sessions, or of one; changes nothing',
  async run({ positionals: [storagePath = '', clientId], flag }) {
    await requireStoragePath(storagePath);
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
  const damaged = sessions.filter((session) => verdictOf(session) === 'damaged').length;
  const unchecked = sessions.filter((session) => verdictOf(session) === 'unchecked').length;
  const others = findings.filter(({ severity }) => severity === 'damage').length;
  const messages = sessions.reduce((sum, session) => sum + session.messages.count, 0);
  const beside = others === 0 ? '' : ` ${others} other file(s) damaged.`;
  const newer = unchecked === 0 ? '' : `, ${unchecked} not checked`;
  lines.push(
    `${sessions.length} session(s) in ${storagePath}, ${messages} message(s): ${damaged} damaged${newer}.${beside}`,
  );
  return lines;
}

function describeSession(session: SessionVerification): string {
  const { clientId, directory, messages, inflight, subscriptions, deadLetters, records, segments } = session;
  const name = clientId === '' ? path.basename(directory) : JSON.stringify(clientId);
  const verdict = verdictOf(session);
  if (verdict === 'unchecked') return `${name}: NOT CHECKED`;
  const content = [
    `${messages.count} messages (${messages.bytes} bytes)`,
    `${inflight} in flight`,
    `${subscriptions} subscriptions`,
    ...(deadLetters === 0 ? [] : [`${deadLetters} dead letters`]),
    `${records} records in ${segments} segments`,
  ];
  return `${name}: ${verdict === 'damaged' ? 'DAMAGED' : verdict}; ${content.join(', ')}`;
}

function describeFinding({ severity, check, text }: Finding): string {
  return check === 'version' ? `  ${text}` : `  ${severity} (${check}): ${text}`;
}
