import { errorCode } from '../../src/errors';
import { CrashStates, type Depth } from './crash-states';
import { judge } from './judge';
import type { Ledger } from './ledger';
import { type DiskState, type Operation, RecordingDisk } from './recording-disk';
import { Stage } from './stage';
import type { Workload } from './workload';

/** A workload that was run without faults. */
export interface Recording {
  start: DiskState;
  log: Operation[];
  ledger: Ledger;
}

export interface CrashResult {
  workload: string;
  /** Changes and syncs that were recorded; after each of them, and before the first, a crash was tried. */
  operations: number;
  /** States that were built and opened: no two of them the same with the same promises. */
  states: number;
  violations: string[];
  /** It was given up after this many violations. */
  stoppedAfter?: number;
}

/** Runs `workload` once. @throws when anything in it fails. */
export async function record(workload: Workload): Promise<Recording> {
  const prepared = new Stage(new RecordingDisk(), workload.options);
  await workload.prepare?.(prepared);
  const start = prepared.disk.state();
  const stage = new Stage(new RecordingDisk(start), workload.options);
  await workload.run(stage);
  const unexpected = stage.told.filter(({ error }) => !(workload.mayFail?.test(errorCode(error) ?? '') ?? false));
  const troubles = [...unexpected.map(({ what, error }) => `${what}: ${error.stack}`), ...stage.broken];
  if (troubles.length > 0) throw new Error(`${workload.name} fails without a fault: ${troubles.join('; ')}`);
  return { start, log: stage.disk.log, ledger: stage.ledger };
}

/** Opens every state that a crash of `workload` may leave; stops after a few violations. */
export async function crashEverywhere(workload: Workload, depth: Depth, violationsMax = 3): Promise<CrashResult> {
  const { start, log, ledger } = await record(workload);
  const states = new CrashStates(start, depth);
  const result: CrashResult = { workload: workload.name, operations: log.length, states: 0, violations: [] };
  const seen = new Set<string>();
  const delivered = new Set<string>();
  let version = -1;
  for (let at = 0; at <= log.length; at++) {
    const last = log[at - 1];
    if (last !== undefined) states.advance(last);
    if (ledger.version(at) !== version) {
      version = ledger.version(at);
      seen.clear();
      delivered.clear();
    }
    const promised = ledger.asOf(at);
    for (const { description, state, fingerprint } of states.now()) {
      if (seen.has(fingerprint)) continue;
      seen.add(fingerprint);
      result.states += 1;
      const violations = await judgeQuickly(workload, state, promised, depth.deliverAll ? undefined : delivered);
      if (violations.length === 0) continue;
      const where = `${workload.name}, crash after operation ${at} (${last?.label ?? 'none'}), on the disk: ${description}`;
      result.violations.push(`${where}: ${violations.join('; ')}`);
      if (result.violations.length >= violationsMax) return { ...result, stoppedAfter: result.violations.length };
    }
  }
  return result;
}

/** Stacks are made only when they are looked at: each of thousands of states asks for files that are not there. */
async function judgeQuickly(...parts: Parameters<typeof judge>): Promise<string[]> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return await judge(...parts);
  } catch (error) {
    return [`cannot be opened: ${describeError(error)}`];
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}, because ${describeError(error.cause)}`;
}
