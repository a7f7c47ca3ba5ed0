import { errorCode, SessionError } from '../../../src/errors';
import type { Random } from './random';

/** What became of one input. `size`: its bytes, by which what was allocated for it is judged. */
export interface Outcome {
  size: number;
  accepted: boolean;
}

/** One parser and everything behind it that its input reaches. */
export interface Target {
  /** Makes one input and gives it to the parser. Whatever it throws is a failure. */
  feed(random: Random): Outcome | Promise<Outcome>;
  close?(): Promise<void>;
}

export interface TargetDefinition {
  name: string;
  /** What is attacked, for the report. */
  what: string;
  open(): Promise<Target>;
}

/** Whether `work` succeeded; only errors with a code of this library, and those `isExpected` knows, may come instead. */
export function outcomeOf(size: number, work: () => void, isExpected = isNamed): Outcome {
  try {
    work();
    return { size, accepted: true };
  } catch (error) {
    if (!isExpected(error)) throw error;
    return { size, accepted: false };
  }
}

/** As `outcomeOf`, for work that takes its time. */
export async function outcomeLater(size: number, work: () => Promise<unknown>, isExpected = isNamed): Promise<Outcome> {
  try {
    await work();
    return { size, accepted: true };
  } catch (error) {
    if (!isExpected(error)) throw error;
    return { size, accepted: false };
  }
}

/** An error of this library, with a code and a text. */
export function isNamed(error: unknown): boolean {
  return error instanceof SessionError && errorCode(error) !== undefined && error.message !== '';
}
