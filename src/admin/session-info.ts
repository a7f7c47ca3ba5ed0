import * as path from 'node:path';
import type { SessionClient } from '../client/session-client';
import { type DescribedError, describeError } from '../errors';
import { messageSize } from '../session/record-codec';
import type { OpenMessageState, SessionState, Subscription } from '../session/state';
import type { DeadLetterCount } from '../store/dead-letters/stored-count';
import type { HolderIdentity } from '../store/holder-identity';
import { livingHolder } from '../store/in-use';
import { nodeFileSystem } from '../store/node-file-system';
import type { SessionSummary } from '../store/session-summary';
import type { AdminContext, LiveSession } from './context';
import { hasDeadLetters } from './dead-letter-count';
import type { PastError } from './recent-errors';

/** One session, as an administrator sees it. Times in milliseconds since the epoch, 0: none. */
export interface SessionInfo {
  /** Empty: not known, because no snapshot can be read. */
  clientId: string;
  /** Name of its directory: letters, digits, `-`, `_` and `~` only, at most 73. Stands for the client id in URLs. */
  key: string;
  /**
   * `opening`: a broker node uses it, and it is not open (yet); `error` says why. `locked`: another process has it.
   * `stored`: nobody uses it.
   */
  status: 'connected' | 'connecting' | 'retrying' | 'disconnected' | 'opening' | 'locked' | 'stored';
  /** A broker node of this process has it open. */
  open: boolean;
  /** Holds messages or dead letters, or may hold some, and no broker node is there to send them. */
  orphaned: boolean;
  connected: boolean;
  /**
   * `now`: the numbers are exact. `snapshot`: they are of its last snapshot, made at `lastAccessAt`; what happened since is
   * in its journal, which a list does not read.
   */
  asOf: 'now' | 'snapshot';
  /** Address of the broker its protocol state belongs to; before there is any, the one it connects to; empty: none yet. */
  broker: string;
  createdAt: number;
  lastAccessAt: number;
  /** Seconds, 0: never. */
  expiryInterval: number;
  /** When it may be deleted if nobody uses it. 0: never. */
  expiresAt: number;
  /** When the next attempt to connect is made. */
  nextAttemptAt: number;
  /** Messages not acknowledged by the broker: queued and in flight. */
  messages: number;
  messageBytes: number;
  /** Those of them that have not been sent. */
  queued: number;
  /** Theirs; of a stored session in a list those in flight may be in it. */
  queuedBytes: number;
  /** Bytes that its messages may take, and how much of that is used: 0 to 1. */
  maxBytes: number;
  usedShare: number;
  inflight: InflightInfo[];
  oldestEnqueuedAt: number;
  /** Messages given up and kept; of a session that is not open their number may not be known. */
  deadLetters: DeadLetterCount;
  subscriptions: SubscriptionInfo[];
  paused: boolean;
  /** Size of its files. */
  fileBytes: number;
  /** The process that has it, if it is not this one. */
  lockedBy?: { host: string; pid: number };
  /** Why it cannot be read or opened: damaged, written by a newer version, locked. */
  error?: DescribedError;
  /** Why the last connection, or the last attempt to make one, ended; gone as soon as there is a connection. */
  connectionError?: DescribedError;
  /** Of a session that a broker node of this process uses: what went wrong of late, newest first. */
  recentErrors?: PastError[];
}

/** As in a list of many. */
export type SessionOverview = Omit<SessionInfo, 'inflight' | 'subscriptions' | 'recentErrors'> & {
  inflight: number;
  subscriptions: number;
};

export interface InflightInfo {
  packetId: number;
  phase: string;
  topic?: string;
  qos?: number;
  enqueuedAt?: number;
  /** When PUBLISH was last sent; 0: not known. */
  sentAt: number;
  /** How often PUBLISH was sent again. */
  retries: number;
}

export interface SubscriptionInfo {
  topic: string;
  qos: number;
  /** Wanted by a running node and granted by the broker. */
  active: boolean;
  state: string;
  /** The SUBACK reason code when the broker refused it. */
  refusedWith?: number;
}

/** What is known of a stored session, by its summary and, where this process uses it, by its client. */
export async function sessionInfo(
  summary: SessionSummary,
  clientId: string,
  { live, maxBytes }: Pick<AdminContext, 'live' | 'maxBytes'>,
  assigned: ReadonlySet<string>,
): Promise<SessionInfo> {
  const used = live(clientId);
  const mayBeLocked = summary.holder !== undefined && !summary.isOpen;
  const holder = mayBeLocked ? await livingHolder(nodeFileSystem, summary.directory) : undefined;
  const stored = fromSnapshot(summary, clientId, maxBytes, holder);
  if (assigned.has(clientId)) stored.orphaned = false;
  if (used === undefined) return stored;
  const { error: _error, ...known } = stored;
  return infoOfUsed(summary.isOpen ? known : stored, used, maxBytes);
}

/** `known` with what the client of a session in use knows better; reads nothing from the disk. */
export function infoOfUsed({ error, ...known }: SessionInfo, live: LiveSession, maxBytes: number): SessionInfo {
  const { connectionError: _old, ...info } = known;
  const { client } = live;
  const stored = { ...info, recentErrors: live.recentErrors() };
  if (client?.state.kind === 'open') return { ...stored, ...fromClient(client, maxBytes) };
  const cause = client?.state.kind === 'opening' ? client.state.error : undefined;
  return {
    ...stored,
    status: 'opening',
    connected: false,
    orphaned: false,
    ...(cause === undefined ? (error === undefined ? {} : { error }) : errorOf(cause)),
  };
}

/** Counts in place of lists. */
export function overviewOf({ inflight, subscriptions, recentErrors: _errors, ...info }: SessionInfo): SessionOverview {
  return { ...info, inflight: inflight.length, subscriptions: subscriptions.length };
}

function fromSnapshot(
  { directory, metadata, state, bytes, deadLetters, isOpen, isBehind, error }: SessionSummary,
  clientId: string,
  maxBytes: number,
  holder: HolderIdentity | undefined,
): SessionInfo {
  const { expiryInterval = 0, lastAccessAt = 0, createdAt = 0 } = metadata ?? {};
  const stored = state?.stored ?? { count: 0, bytes: 0 };
  const { oldestEnqueuedAt = 0, subscriptions = [] } = state ?? {};
  const inflight = inflightOf(state);
  const inflightBytes = sizeOf(state);
  const isExact = !isBehind && error === undefined;
  const isUsed = isOpen || holder !== undefined;
  return {
    clientId,
    key: path.basename(directory),
    status: holder === undefined ? 'stored' : 'locked',
    open: isOpen,
    orphaned: !isUsed && (stored.count > 0 || !isExact || hasDeadLetters(deadLetters)),
    connected: false,
    asOf: isExact ? 'now' : 'snapshot',
    broker: state?.broker ?? '',
    createdAt,
    lastAccessAt,
    expiryInterval,
    expiresAt: expiryInterval === 0 || isUsed ? 0 : lastAccessAt + expiryInterval * 1000,
    nextAttemptAt: 0,
    maxBytes,
    ...storedNumbers({ ...stored, inflight, inflightBytes, oldestEnqueuedAt, deadLetters, subscriptions }, maxBytes),
    paused: state?.paused ?? false,
    fileBytes: bytes,
    ...(holder === undefined ? {} : { lockedBy: { host: holder.host, pid: holder.pid } }),
    ...errorOf(error),
  };
}

/** What a stored session holds, as it is added up from its snapshot or its journal. */
export interface StoredNumbers {
  /** Of all messages, and their bytes. */
  count: number;
  bytes: number;
  inflight: InflightInfo[];
  inflightBytes: number;
  oldestEnqueuedAt: number;
  deadLetters: DeadLetterCount;
  subscriptions: readonly Subscription[];
}

/** The part of `SessionInfo` that tells it. */
export function storedNumbers(numbers: StoredNumbers, maxBytes: number) {
  const { count, bytes, inflight, inflightBytes, oldestEnqueuedAt, deadLetters, subscriptions } = numbers;
  return {
    messages: count,
    messageBytes: bytes,
    queued: Math.max(0, count - inflight.length),
    queuedBytes: Math.max(0, bytes - inflightBytes),
    usedShare: shareOf(bytes, maxBytes),
    inflight,
    oldestEnqueuedAt,
    deadLetters,
    subscriptions: subscriptions.map(subscriptionInfo),
  } satisfies Partial<SessionInfo>;
}

function fromClient(client: SessionClient, maxBytes: number): Partial<SessionInfo> {
  const { count, bytes } = client.stored;
  const { queuedMessages, queuedBytes, oldestEnqueuedAt, nextAttemptAt, deadLetters, deadLetterBytes } =
    client.statistics();
  return {
    status: statusOf(client),
    open: true,
    orphaned: false,
    broker: client.broker === '' ? client.address : client.broker,
    connected: client.connected,
    asOf: 'now',
    expiresAt: 0,
    nextAttemptAt,
    messages: count,
    messageBytes: bytes,
    queued: queuedMessages,
    queuedBytes,
    usedShare: shareOf(bytes, maxBytes),
    inflight: client.openMessages(),
    oldestEnqueuedAt,
    deadLetters: { count: deadLetters, bytes: deadLetterBytes },
    subscriptions: client.subscriptions().map(subscriptionInfo),
    paused: client.paused,
    ...connectionErrorOf(client),
  };
}

function statusOf({ state }: SessionClient): SessionInfo['status'] {
  if (state.kind !== 'open') return 'opening';
  switch (state.link.kind) {
    case 'up':
      return 'connected';
    case 'connecting':
      return 'connecting';
    case 'waiting':
      return 'retrying';
    case 'idle':
      return 'disconnected';
  }
}

/** Without what waits at the front of the queue to be sent as new. */
function sentOf(state: SessionState | undefined): OpenMessageState[] {
  return (state?.open ?? []).filter(({ phase }) => phase !== 'requeued');
}

function inflightOf(state: SessionState | undefined): InflightInfo[] {
  return sentOf(state).map(({ packetId, phase, sentAt, retries, message }) => ({
    packetId,
    phase,
    sentAt,
    retries,
    ...(message === undefined ? {} : { topic: message.topic, qos: message.qos, enqueuedAt: message.enqueuedAt }),
  }));
}

function subscriptionInfo({ filter, qos, state, refusedWith }: Subscription): SubscriptionInfo {
  return {
    topic: filter,
    qos,
    active: state === 'active',
    state,
    ...(refusedWith === undefined ? {} : { refusedWith }),
  };
}

/** Of the messages in flight that the snapshot carries; those in the journal are not known. */
function sizeOf(state: SessionState | undefined): number {
  const carried = sentOf(state).flatMap(({ message }) => message ?? []);
  return carried.reduce((sum, message) => sum + messageSize(message, message.origin), 0);
}

/** To a ten-thousandth. */
function shareOf(bytes: number, maxBytes: number): number {
  return Math.min(1, Math.round((bytes / maxBytes) * 10_000) / 10_000);
}

function connectionErrorOf({ state }: SessionClient): Pick<SessionInfo, 'connectionError'> {
  const error = state.kind === 'open' ? state.end?.error : undefined;
  if (error === undefined) return {};
  return { connectionError: describeError(error) };
}

function errorOf(error: Error | undefined): Pick<SessionInfo, 'error'> {
  if (error === undefined) return {};
  return { error: describeError(error) };
}
