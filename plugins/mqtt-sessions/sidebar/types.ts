import type { SessionOverview } from '../../../src/admin/session-info';
import type { DescribedError } from '../../../src/errors';

// What the endpoints answer; docs/administration.md describes it.

export interface Trend {
  depths: number[];
  begunWith: number;
  fallingPerSecond: number;
}

export type Session = SessionOverview & { store: string; trend?: Trend };

export interface Store {
  id: string;
  name: string;
  path: string;
  error?: DescribedError;
}

export interface Page {
  now: number;
  total: number;
  matching: number;
  messages: number;
  messageBytes: number;
  uncounted: number;
  counts: Record<string, number>;
  offset: number;
  stores: Store[];
  sessions: Session[];
}

export interface MessagePreview extends PayloadPreview {
  sequence: number;
  enqueuedAt: number;
  topic: string;
  qos: number;
  retain: boolean;
}

export interface FailedMessage {
  id: number;
  reason: string;
  reasonCode?: number;
  reasonString?: string;
  failedAt: number;
  size: number;
  message: { topic: string; qos: number; retain: boolean } & PayloadPreview;
}

/** The beginning of a payload, in hexadecimal digits when it is no text; `bytes` of all of it. */
export interface PayloadPreview {
  bytes: number;
  preview: string;
  isText: boolean;
  isCut: boolean;
}

export interface FailedPage {
  deadLetters: FailedMessage[];
  total: { count: number; bytes: number };
}

/** A text of the catalogue, below `sidebar`; below `runtime` those that the runtime has, too. */
export type Text = (key: string, values?: Record<string, string | number>) => string;
