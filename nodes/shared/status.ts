import type { ClientState } from '../../src/client/session-client';
import { reasonCodeName } from '../../src/connection/reason-codes';
import type { ConnectionEnd } from '../../src/connection/types';
import { errorCode, SessionError } from '../../src/errors';
import { reasonText } from './error-sentence';
import type { Translate } from './texts';

export type StatusState =
  | 'connected'
  | 'draining'
  | 'connecting'
  | 'disconnected'
  | 'refused'
  | 'paused'
  | 'waiting'
  | 'failed';

/** A node status. `state` and `queued` are there for Status nodes; Node-RED itself ignores them. */
export interface SessionStatus {
  fill: 'red' | 'yellow' | 'green';
  shape: 'ring' | 'dot';
  text: string;
  state: StatusState;
  /** Messages not yet acknowledged by the broker. */
  queued: number;
}

/** The backlog being sent, from when it has lasted long enough to be worth showing. */
export interface Draining {
  /** Messages waiting behind the send window. */
  queued: number;
  /** Part of the backlog that is gone, 0 to 100. */
  percent: number;
  /** Messages per second. */
  rate: number;
}

export interface StatusFacts {
  /** Undefined: there is no session yet. */
  state: ClientState | undefined;
  /** Why there is no session. */
  failure: Error | undefined;
  /** Messages stored: queued and in flight. */
  stored: number;
  paused: boolean;
  draining: Draining | undefined;
  protocolVersion: 3 | 4 | 5;
}

const KEY = 'node-red:common.status.';

/**
 * What all nodes of a session show. While there is nothing to add it is exactly Node-RED's own status, which flows match
 * on; otherwise a text that begins with the same word, short enough to be read below a node: causes in full are for the
 * errors, the log and the sidebar.
 */
export function sessionStatus(facts: StatusFacts, translate: Translate): SessionStatus {
  const { state, stored } = facts;
  const failure = facts.failure ?? (state?.kind === 'opening' ? state.error : undefined);
  if (failure !== undefined) return failureStatus(failure, stored, translate);
  if (state?.kind === 'open' && state.link.kind === 'up') return upStatus(facts, translate);
  const count = stored === 0 ? undefined : translate('status.queued', { count: stored });
  if (state?.kind === 'open' && state.link.kind === 'connecting') {
    const text = count === undefined ? `${KEY}connecting` : `connecting: ${count}`;
    return { fill: 'yellow', shape: 'ring', text, state: 'connecting', queued: stored };
  }
  const end = state?.kind === 'open' && state.link.kind === 'waiting' ? state.end : undefined;
  const contested = state?.kind === 'open' && state.contested ? translate('status.contested') : undefined;
  const reason = end === undefined ? undefined : shortReason(end, facts, translate);
  const details = contested === undefined ? [reason, count].filter((detail) => detail !== undefined) : [contested];
  const text = details.length === 0 ? `${KEY}disconnected` : `disconnected: ${details.join(', ')}`;
  return {
    fill: 'red',
    shape: 'ring',
    text,
    state: end?.kind === 'refused' ? 'refused' : 'disconnected',
    queued: stored,
  };
}

function upStatus({ stored, paused, draining }: StatusFacts, translate: Translate): SessionStatus {
  const connected = { fill: 'green', shape: 'dot', queued: stored } as const;
  if (paused)
    return { ...connected, text: `connected: ${translate('status.paused', { count: stored })}`, state: 'paused' };
  if (draining === undefined) return { ...connected, text: `${KEY}connected`, state: 'connected' };
  return { ...connected, text: `connected: ${translate('status.draining', { ...draining })}`, state: 'draining' };
}

function failureStatus(error: Error, queued: number, translate: Translate): SessionStatus {
  const status = { shape: 'ring', queued } as const;
  if (errorCode(error) === 'ERR_SESSION_LOCKED') {
    return {
      ...status,
      fill: 'yellow',
      text: translate('status.waiting', { holder: holderName(error, translate) }),
      state: 'waiting',
    };
  }
  const text = `disconnected: ${errorCode(error) ?? translate('status.failed')}`;
  return { ...status, fill: 'red', text, state: 'failed' };
}

function holderName(error: Error, translate: Translate): string {
  const holder = error instanceof SessionError ? (error.details.holder as { pid?: number; host?: string }) : undefined;
  if (holder?.pid === undefined) return translate('status.unknown-holder');
  return translate('status.holder', { pid: holder.pid, host: holder.host ?? '' });
}

/**
 * Why a connection ended, in a few words. Undefined: just lost. While messages wait, their number is what counts: beside it
 * only a refusal is said, in one word, because that alone does not pass by itself.
 */
function shortReason(end: ConnectionEnd, facts: StatusFacts, translate: Translate): string | undefined {
  const { kind, reasonCode } = end;
  const { protocolVersion, stored } = facts;
  if (stored > 0) return kind === 'refused' ? translate('status.refused') : undefined;
  switch (kind) {
    case 'refused':
    case 'server-disconnect': {
      const packet = kind === 'refused' ? 'connack' : 'disconnect';
      if (reasonCode === undefined) return undefined;
      const known = reasonText(reasonCode, translate);
      if (known !== undefined) return known;
      const name = reasonCodeName(packet, reasonCode, protocolVersion);
      return name.charAt(0).toLowerCase() + name.slice(1);
    }
    case 'unreachable':
      return translate('status.unreachable');
    case 'ping-timeout':
      return translate('status.silent');
    case 'protocol-error':
      return translate('status.protocol-error');
    default:
      return undefined;
  }
}
