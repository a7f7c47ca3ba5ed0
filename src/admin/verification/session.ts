import * as path from 'node:path';
import { recordCodec } from '../../session/record-codec';
import { RecordKind, type SessionRecord } from '../../session/records';
import type { FileSystem } from '../../store/file-system';
import { sessionDirectoryName } from '../../store/safe-name';
import { readStoredSession, type StoredSession } from '../../store/stored-session';
import { queuedMessages, recoverMessages } from '../stored-messages';
import { damage, type Finding, findingOf, note } from './finding';
import { checkingCodec, recordFindings } from './record-checks';
import { recoveredFindings, stateFindings } from './state-checks';

/** What a check of one session found. */
export interface SessionVerification {
  directory: string;
  /** Empty: not known, because no snapshot can be read. */
  clientId: string;
  /** Messages that are stored and can be read, and the bytes they count for. */
  messages: { count: number; bytes: number };
  inflight: number;
  subscriptions: number;
  deadLetters: number;
  /** Records and segments that were read. */
  records: number;
  segments: number;
  findings: Finding[];
}

/**
 * Checks everything of a stored session: the snapshot's sections, every segment, batch and record with its checksum, that
 * no sequence is missing, what recovery makes of it, and that the messages found are those that are counted. Reads only;
 * nobody may have the session open.
 * @param options.hasOriginal A file that the session is to be migrated from lies in the storage path.
 * @returns undefined when nothing is stored in `directory`.
 * @throws SessionError `ERR_SESSION_VERSION`; the system's errors.
 */
export async function verifySession(
  fileSystem: FileSystem,
  directory: string,
  { clientId, hasOriginal = false }: { clientId?: string | undefined; hasOriginal?: boolean } = {},
): Promise<SessionVerification | undefined> {
  const session = await readStoredSession(fileSystem, directory, clientId, recordCodec);
  if (session === undefined) return undefined;
  try {
    return await verify(session, await isUnfinishedOpening(fileSystem, session, hasOriginal));
  } finally {
    await session.close();
  }
}

async function verify(session: StoredSession<SessionRecord>, isUnfinished: boolean): Promise<SessionVerification> {
  const { directory, files, snapshot, journal } = session;
  const { metadata, state } = snapshot;
  const findings: Finding[] = [];
  for (const { path: file, error } of files.damaged) {
    findings.push(damage('snapshot', `${file} cannot be read: ${error.message}.`));
  }
  if (files.snapshot !== undefined) {
    findings.push(...placeFindings(directory, metadata.clientId), ...stateFindings(state));
  }
  if (isUnfinished) {
    findings.push(note('snapshot', `There is no snapshot in ${directory}: its first opening did not come to an end.`));
  } else {
    if (files.snapshot === undefined && files.damaged.length === 0) {
      findings.push(damage('snapshot', `There is no snapshot in ${directory}.`));
    }
    findings.push(...journal.notices.map((notice) => findingOf('journal', notice)), ...headerFindings(session));
  }
  const records = isUnfinished ? 0 : await checkRecords(session, findings);

  const recovered = await recoverMessages(session);
  findings.push(...recoveredFindings(recovered.outbound));
  const { released, front, failed } = recovered.outbound;
  const open = [...released, ...front, ...failed.map(({ outbound }) => outbound)];
  const found = { count: open.length, bytes: open.reduce((bytes, { size }) => bytes + size, 0) };
  for await (const { size } of queuedMessages(session, recovered)) {
    found.count += 1;
    found.bytes += size;
  }
  addUnlessKnown(
    findings,
    session.readNotices.map((notice) => findingOf('messages', notice)),
  );
  const { stored } = recovered.outbound;
  if (stored.count !== found.count || stored.bytes !== found.bytes) {
    const counted = `${stored.count} messages (${stored.bytes} bytes)`;
    findings.push(damage('messages', `${counted} are counted, ${found.count} (${found.bytes} bytes) were found.`));
  }
  const deadLetters = await checkDeadLetters(session, findings);
  for (const file of files.temporaryPaths) findings.push(note('files', `${file} was never put in place.`));
  return {
    directory,
    clientId: metadata.clientId,
    messages: found,
    inflight: open.filter(({ sent }) => sent).length,
    subscriptions: recovered.recovery.subscriptions.size,
    deadLetters,
    records,
    segments: journal.choice.backlog.length + journal.choice.scan.length,
    findings,
  };
}

/**
 * A first opening that was killed leaves a segment without records and no snapshot. The next one begins anew, and migrates
 * the original if there is one. A session that was used and has lost its snapshot goes on from somewhere instead.
 */
async function isUnfinishedOpening(
  fileSystem: FileSystem,
  { directory, files, journal }: StoredSession<SessionRecord>,
  hasOriginal: boolean,
): Promise<boolean> {
  if (files.snapshotPaths.length > 0 || files.hasDeadLetters || journal.records.length > 0) return false;
  if (hasOriginal) return true;
  const { choice, damaged } = journal;
  const beginsAtOne = choice.scan.every(({ header }) => (header?.firstSequence ?? 1) <= 1);
  const names = await fileSystem.list(directory);
  return damaged.length === 0 && beginsAtOne && !names.some((name) => name.startsWith('original'));
}

async function checkRecords(session: StoredSession<SessionRecord>, findings: Finding[]): Promise<number> {
  let count = 0;
  for await (const { records, notices } of session.check(checkingCodec)) {
    count += records.length;
    findings.push(...recordFindings(records));
    addUnlessKnown(
      findings,
      notices.map((notice) => findingOf('journal', notice)),
    );
  }
  return count;
}

async function checkDeadLetters(session: StoredSession<SessionRecord>, findings: Finding[]): Promise<number> {
  const deadLetters = await session.deadLetters();
  const { deadLetters: expected } = session.snapshot;
  if (deadLetters === undefined) {
    if (expected !== undefined && expected.count > 0) {
      findings.push(
        damage('dead-letters', `The file of ${expected.count} dead letters in ${session.directory} is missing.`),
      );
    }
    return 0;
  }
  try {
    if (expected !== undefined && deadLetters.reached < expected.nextId) {
      const ids = `${deadLetters.reached} to ${expected.nextId - 1}`;
      findings.push(
        damage('dead-letters', `The end of ${deadLetters.path} is missing: dead letters ${ids} may be lost.`),
      );
    }
    findings.push(...deadLetters.notices.map((notice) => findingOf('dead-letters', notice)));
    let count = 0;
    for await (const letter of deadLetters.records()) {
      if ('fault' in letter) {
        findings.push(damage('dead-letters', `Dead letter ${letter.entry.id} cannot be read: ${letter.fault}.`));
      } else if (letter.record.kind === RecordKind.Failed) count += 1;
      else findings.push(damage('dead-letters', `Dead letter ${letter.entry.id} is a record of another kind.`));
    }
    return count;
  } finally {
    await deadLetters.close();
  }
}

function headerFindings({ journal }: StoredSession<SessionRecord>): Finding[] {
  const { choice, files, kept } = journal;
  const findings = files
    .filter((file) => !kept.has(file))
    .map((file) => note('files', `${file.path} holds no record that counts.`));
  for (const { header, listed, file } of [...choice.backlog, ...choice.scan]) {
    // One without records may have been in the making when the process ended.
    if (header !== undefined || !(listed || kept.has(file))) continue;
    findings.push(damage('journal', `The header of ${file.path} is damaged.`));
  }
  return findings;
}

/** The name carries a hash of the client id. */
function placeFindings(directory: string, clientId: string): Finding[] {
  const expected = sessionDirectoryName(clientId);
  if (path.basename(directory) === expected) return [];
  const text = `${directory} holds the session of ${JSON.stringify(clientId)}, which belongs into ${expected}.`;
  return [damage('files', text)];
}

/** Several passes meet the same damage. */
function addUnlessKnown(findings: Finding[], more: readonly Finding[]): void {
  for (const finding of more) {
    if (!findings.some(({ text }) => text === finding.text)) findings.push(finding);
  }
}
