import type { SessionClient } from '../client/session-client';
import type { SessionState, Subscription } from '../session/state';
import type { SessionSummary } from '../store/session-summary';
import type { AdminContext } from './context';

/** One session, as an administrator sees it. Times in milliseconds since the epoch, 0: none. */
export interface SessionInfo {
  clientId: string;
  /** A broker node of this process uses it. */
  open: boolean;
  /** Holds messages, and no broker node uses it. */
  orphaned: boolean;
  connected: boolean;
  /** `now`, or `snapshot`: as of the last snapshot; what happened since is in its journal. */
  asOf: 'now' | 'snapshot';
  /** Address of the broker its protocol state belongs to; empty: none yet. */
  broker: string;
  createdAt: number;
  lastAccessAt: number;
  /** Seconds, 0: never. */
  expiryInterval: number;
  /** When it may be deleted if nobody uses it. 0: never. */
  expiresAt: number;
  /** Messages not acknowledged by the broker: queued and in flight. */
  messages: number;
  messageBytes: number;
  inflight: InflightInfo[];
  oldestEnqueuedAt: number;
  subscriptions: SubscriptionInfo[];
  paused: boolean;
  /** Size of its files. */
  fileBytes: number;
  /** Why it cannot be read: damaged, or written by a newer version. */
  error?: { code: string; message: string };
}

export interface InflightInfo {
  packetId: number;
  phase: string;
  topic?: string;
  qos?: number;
  enqueuedAt?: number;
}

export interface SubscriptionInfo {
  topic: string;
  qos: number;
  /** Wanted by a running node and granted by the broker. */
  active: boolean;
  state: string;
}

/** What is known of a stored session, by its summary and, where this process uses it, by its client. */
export function sessionInfo(summary: SessionSummary, clientId: string, { live }: AdminContext): SessionInfo {
  const client = live(clientId)?.client;
  const info = fromSnapshot(summary, clientId);
  if (client === undefined || client.state.kind !== 'open') return info;
  return { ...info, ...fromClient(client) };
}

function fromSnapshot({ metadata, state, bytes, isOpen, error }: SessionSummary, clientId: string): SessionInfo {
  const expiryInterval = metadata?.expiryInterval ?? 0;
  const lastAccessAt = metadata?.lastAccessAt ?? 0;
  const messages = state?.stored.count ?? 0;
  return {
    clientId,
    open: isOpen,
    orphaned: !isOpen && messages > 0,
    connected: false,
    asOf: 'snapshot',
    broker: state?.broker ?? '',
    createdAt: metadata?.createdAt ?? 0,
    lastAccessAt,
    expiryInterval,
    expiresAt: expiryInterval === 0 || isOpen ? 0 : lastAccessAt + expiryInterval * 1000,
    messages,
    messageBytes: state?.stored.bytes ?? 0,
    inflight: inflightOf(state),
    oldestEnqueuedAt: state?.oldestEnqueuedAt ?? 0,
    subscriptions: (state?.subscriptions ?? []).map(subscriptionInfo),
    paused: state?.paused ?? false,
    fileBytes: bytes,
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  };
}

function fromClient(client: SessionClient): Partial<SessionInfo> {
  const { count, bytes } = client.stored;
  return {
    open: true,
    broker: client.broker,
    orphaned: false,
    connected: client.connected,
    asOf: 'now',
    messages: count,
    messageBytes: bytes,
    inflight: client.openMessages(),
    oldestEnqueuedAt: client.statistics().oldestEnqueuedAt,
    subscriptions: client.subscriptions().map(subscriptionInfo),
    paused: client.paused,
  };
}

function inflightOf(state: SessionState | undefined): InflightInfo[] {
  return (state?.open ?? []).map(({ packetId, phase, message }) => ({
    packetId,
    phase,
    ...(message === undefined ? {} : { topic: message.topic, qos: message.qos, enqueuedAt: message.enqueuedAt }),
  }));
}

function subscriptionInfo({ filter, qos, state }: Subscription): SubscriptionInfo {
  return { topic: filter, qos, active: state === 'active', state };
}
