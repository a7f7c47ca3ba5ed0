import type { TestBed } from './test-bed';

/** One run of the process under test. */
export interface Subject {
  /** Resolves when its sessions are open; rejects when it ends before. */
  readonly started: Promise<void>;
  /** What went wrong in it, each a line. */
  errors(): string[];
  log(): string;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface SubjectOptions {
  testBed: TestBed;
  /** 1 for the first run. */
  generation: number;
  /** Whether it publishes; numbers from {@link firstNumber} on. */
  traffic: boolean;
}

/** Keep alive of the clients: short, so that a half-open link is noticed now and then. */
export const KEEPALIVE_S = 3;

/** Numbers of a later run are higher than those of any earlier. */
export function firstNumber(generation: number): number {
  return generation * 1_000_000;
}
