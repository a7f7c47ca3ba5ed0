// A session opened on a disk by the real store, and everything that it then holds.
import * as path from 'node:path';
import { errorCode } from '../../src/errors';
import { RecordKind } from '../../src/session/records';
import { Recovery } from '../../src/session/recovery';
import { Session } from '../../src/session/session';
import { sessionCodec } from '../../src/session/session-codec';
import type { FileSystem } from '../../src/store/file-system';
import { openSessionStore, type StoreNotice } from '../../src/store/session-store';
import { factsOf, ManualScheduler, machine } from '../store/support';
import { CLIENT_ID, STORAGE_PATH } from './storage';

/** All that a session is, as text, so that two can be compared. */
export interface Content {
  /** By sequence: queued and in flight. */
  messages: Map<number, string>;
  deadLetters: Map<number, string>;
  /** In flight with phase and identifier, inbound identifiers, subscriptions, pause, broker. */
  protocol: string;
  clientIds: string;
}

export interface Opened {
  /** Undefined: refused, with this code. */
  content: Content | undefined;
  refusedWith: string | undefined;
  /** Of the client ids, when they cannot be read. */
  clientIdsRefusedWith: string | undefined;
  notices: Pick<StoreNotice, 'level' | 'text'>[];
  quarantined: string[];
}

const OPTIONS = { maxInflight: 10, maxBytes: 2 ** 26, whenFull: 'reject', onSessionLost: 'republish' } as const;
const MORE_OPTIONS = { keepFailed: true, maxSendRate: 0, receiveMaximum: 20, handshakesMax: 20 } as const;
const READ_BYTES = 1024 * 1024;

/** Opens the session, reads all of it and closes it. */
export async function open(disk: FileSystem, storagePath = STORAGE_PATH): Promise<Opened> {
  const scheduler = new ManualScheduler();
  const notices: Opened['notices'] = [];
  const holderFacts = factsOf(machine, { [machine.pid]: machine.processStart });
  const opened: Opened = {
    content: undefined,
    refusedWith: undefined,
    clientIdsRefusedWith: undefined,
    notices,
    quarantined: [],
  };
  const onNotice = (notice: StoreNotice) => notices.push(notice);
  const store = await openSessionStore({ path: storagePath, fileSystem: disk, scheduler, holderFacts, onNotice });
  try {
    const session = await store.open(CLIENT_ID, sessionCodec, undefined);
    try {
      const { recovered } = session;
      const recovery = new Recovery(recovered.state, recovered.records);
      for (let read = recovery.nextRead(); read !== undefined; read = recovery.nextRead()) {
        recovery.readDone(await session.read(read.after, read.maxBytes));
      }
      const state = new Session(recovery, { ...OPTIONS, ...MORE_OPTIONS }, scheduler.now());
      const messages = new Map<number, string>();
      const inFlight = state.openMessages();
      for (const { message } of inFlight) messages.set(message.sequence, textOf(message));
      let after = recovery.outbound().queueAfter;
      for (;;) {
        const records = await session.read(after, READ_BYTES);
        if (records.length === 0) break;
        for (const { sequence, record } of records) {
          after = sequence;
          if (record.kind !== RecordKind.Enqueued || !recovery.isStored(sequence)) continue;
          const { message, enqueuedAt, origin } = record;
          messages.set(
            sequence,
            textOf({ ...message, sequence, enqueuedAt, ...(origin === undefined ? {} : { origin }) }),
          );
        }
      }
      const deadLetters = await session.deadLetters.list(0, 1_000);
      const { received, paused, broker } = state.snapshot(false);
      opened.content = {
        messages,
        deadLetters: new Map(deadLetters.map(({ id, record }) => [id, textOf(record)])),
        protocol: textOf({
          inFlight: inFlight.map(({ packetId, phase, message: { sequence } }) => ({ packetId, phase, sequence })),
          received: [...received].sort((one, other) => one - other),
          subscriptions: state.subscriptions(),
          paused,
          broker,
        }),
        clientIds: '',
      };
      notices.push(...recovered.notices);
    } finally {
      await session.close();
    }
  } catch (error) {
    opened.refusedWith = codeOf(error);
  }
  try {
    const clientIds = textOf([...(await store.generatedClientIds())]);
    if (opened.content !== undefined) opened.content.clientIds = clientIds;
  } catch (error) {
    opened.clientIdsRefusedWith = codeOf(error);
  }
  await store.close();
  opened.quarantined = await quarantinedIn(disk, path.join(storagePath, 'quarantine'));
  return opened;
}

/** The client ids as text, or the code with which they are refused. */
export async function clientIdsOn(disk: FileSystem, storagePath = STORAGE_PATH): Promise<string> {
  const store = await openSessionStore({ path: storagePath, fileSystem: disk, scheduler: new ManualScheduler() });
  try {
    return textOf([...(await store.generatedClientIds())]);
  } catch (error) {
    return codeOf(error);
  } finally {
    await store.close();
  }
}

/** What is no error with a code is a defect. */
function codeOf(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined || /^ERR_(INVALID_ARG|OUT_OF|ASSERT|BUFFER)/.test(code)) throw error;
  return code;
}

async function quarantinedIn(disk: FileSystem, directory: string): Promise<string[]> {
  const names = await disk.list(directory).catch(() => []);
  const files = await Promise.all(names.map((name) => disk.list(path.join(directory, name))));
  return files.flat().filter((name) => !name.startsWith('reason-'));
}

function textOf(value: object): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'object' && part !== null && 'type' in part && part.type === 'Buffer' && 'data' in part
      ? Buffer.from(part.data as number[]).toString('latin1')
      : part,
  );
}
