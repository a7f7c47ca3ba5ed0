import type { Promised } from './ledger';
import type { RecordingDisk } from './recording-disk';
import type { LibraryProcess, Stage, StageOptions } from './stage';

/** What a session goes through, once. */
export interface Workload {
  name: string;
  /** Fewer calls to the disk than this, and the test of failing calls fails, for the same reason as: */
  callsMin: number;
  /** Fewer crash states than this, in one `npm test`, and the test fails: something is not recorded any more. */
  statesMin: number;
  options?: StageOptions;
  /** Client ids of the sessions to judge. Default: `plant`. */
  sessions?: readonly string[];
  /** Sessions that are judged only if they exist: opening them would make them. */
  mayBeGone?: readonly string[];
  /** What lies on the disk at the beginning, durably. */
  prepare?: (stage: Stage) => Promise<void>;
  run: (stage: Stage) => Promise<void>;
  /** What a user does after a crash to complete what was interrupted. */
  complete?: (process: LibraryProcess) => Promise<void>;
  /** Recovery may say these; by default it has nothing to say but that a write was interrupted. */
  mayReport?: RegExp;
  /** Messages may come in another order than they were published in. */
  unordered?: boolean;
  /** Codes of errors that are part of it. */
  mayFail?: RegExp;
  /** Messages of which all are there, or none. */
  whole?: readonly (readonly number[])[];
  /** Messages of files that are passed over while they may not be read. */
  mayComeBack?: readonly number[];
  /** Further things that hold after recovery. @returns what does not. */
  check?: (disk: RecordingDisk, process: LibraryProcess, promised: Promised) => Promise<string[]>;
}
