import { errorCode } from '../../src/errors';
import { CrashStates, SHALLOW } from '../crash-points/crash-states';
import { judge } from '../crash-points/judge';
import { type Call, type DiskState, type Operation, RecordingDisk } from '../crash-points/recording-disk';
import { type LibraryProcess, Stage, type Told } from '../crash-points/stage';
import type { Workload } from '../crash-points/workload';
import { CODES, countCalls, Fault, type Mode } from './faults';

/** Numbers of the messages that show that work goes on. */
const AFTERWARDS = [9_001, 9_002];
const CLIENT_ID = 'plant';
/** What one `npm test` has time for. */
const SAMPLED_CALLS = 100;
/** After each fault. */
const POWER_CUTS = 2;

export interface FaultResult {
  workload: string;
  /** Calls of the workload. */
  calls: number;
  /** So often it was run, each time with another fault. */
  runs: number;
  violations: string[];
  /** It was given up after this many violations. */
  stoppedAfter?: number;
}

/**
 * Lets every call that `workload` makes fail, once and from there on.
 * @param depth `full`: with every code that the call may answer, in both modes. `sample`: with one code after the other,
 * once and for ever in turns; of a workload of many calls at most `SAMPLED_CALLS`, spread evenly.
 */
export async function failEverywhere(
  workload: Workload,
  depth: 'sample' | 'full',
  violationsMax = 3,
): Promise<FaultResult> {
  const prepared = new Stage(new RecordingDisk(), workload.options);
  await workload.prepare?.(prepared);
  const start = prepared.disk.state();
  const calls = await callsOf(workload, start);
  const result: FaultResult = { workload: workload.name, calls: calls.length, runs: 0, violations: [] };
  const step = depth === 'full' ? 1 : Math.max(1, calls.length / SAMPLED_CALLS);
  for (let place = 0; place < calls.length; place += step) {
    const index = Math.floor(place);
    const call = calls[index] as Call;
    for (const { code, mode } of depth === 'full' ? all(call) : [inTurn(call, index)]) {
      result.runs += 1;
      const violations = await failOnce(workload, start, index + 1, code, mode);
      result.violations.push(...violations);
      if (result.violations.length >= violationsMax) return { ...result, stoppedAfter: result.violations.length };
    }
  }
  return result;
}

function all(call: Call): { code: string; mode: Mode }[] {
  return CODES[call].flatMap((code) => (['once', 'forever'] as const).map((mode) => ({ code, mode })));
}

/** Neighbours get other codes, and both modes. */
function inTurn(call: Call, index: number): { code: string; mode: Mode } {
  const codes = CODES[call];
  return { code: codes[(index >> 1) % codes.length] as string, mode: index % 2 === 0 ? 'once' : 'forever' };
}

async function callsOf(workload: Workload, start: DiskState): Promise<Call[]> {
  const stage = new Stage(new RecordingDisk(start), workload.options);
  const calls = countCalls(stage.disk);
  await workload.run(stage);
  return [...calls];
}

/** One run with one fault. @returns what does not hold. */
export async function failOnce(
  workload: Workload,
  start: DiskState,
  at: number,
  code: string,
  mode: Mode,
): Promise<string[]> {
  const violations: string[] = [];
  const unhandled = (reason: unknown) => violations.push(`nobody handled: ${String(reason)}`);
  process.on('unhandledRejection', unhandled);
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const stage = new Stage(new RecordingDisk(start), workload.options);
  const fault = new Fault(stage.disk, at, code, mode);
  stage.onImpatience = () => fault.end();
  try {
    if (code === 'EACCES') {
      for (const number of workload.mayComeBack ?? []) {
        stage.ledger.published(number, 1);
        stage.ledger.message(number, { failed: true, removable: true });
      }
    }
    await workload.run(stage);
    fault.end();
    const told = stage.told.length;
    await goOn(stage);
    violations.push(...stage.told.slice(told).map((one) => `with the fault over, ${describe(one)}`));
    if (stage.disk.openFiles.size > 0) {
      violations.push(`files stay open: ${[...stage.disk.openFiles].map(({ path }) => path).join(', ')}`);
    }
  } catch (error) {
    violations.push(`it did not get through: ${chain(error)}`);
  }
  violations.push(...stage.broken, ...stage.told.flatMap((one) => unclear(one)));
  stage.disk.onCall = undefined;
  if (violations.length === 0) {
    try {
      violations.push(...(await judge(workload, stage.disk.state(), stage.ledger.present)));
      for (const { at, state } of powerCuts(stage, start, fault.hitAt)) {
        const lost = await judge(workload, state, stage.ledger.asOf(at));
        violations.push(...lost.map((one) => `after a power cut at ${at}: ${one}`));
      }
    } catch (error) {
      violations.push(`afterwards it cannot be opened: ${chain(error)}`);
    }
  }
  Error.stackTraceLimit = limit;
  process.off('unhandledRejection', unhandled);
  const where = `${workload.name}, ${code} ${mode} at call ${at} (${fault.hit})`;
  return violations.length === 0 ? [] : [`${where}: ${violations.join('; ')}`];
}

/** What the disk holds if the power goes when something has just been reported, the first few times after the fault. */
function powerCuts({ disk, ledger }: Stage, start: DiskState, from: number): { at: number; state: DiskState }[] {
  const cuts: { at: number; state: DiskState }[] = [];
  const states = new CrashStates(start, SHALLOW, disk.dropped);
  for (let at = 1; at <= disk.log.length && cuts.length < POWER_CUTS; at++) {
    states.advance(disk.log[at - 1] as Operation);
    const isReported = ledger.version(at) > ledger.version(at - 1);
    if (at > from && isReported) cuts.push({ at, state: states.synced() });
  }
  return cuts;
}

/** The fault is over: another process opens the session, stores and is done. */
async function goOn(stage: Stage): Promise<void> {
  const process: LibraryProcess = await stage.start();
  const client = await process.open(CLIENT_ID);
  for (const number of AFTERWARDS) await client.stored(number, 1);
  await client.close();
  await process.close();
}

/** An error names what failed, where, why and what to do, and has a code. */
function unclear({ what, error }: Told): string[] {
  const problems: string[] = [];
  if (!/^E[A-Z_]+$/.test(errorCode(error) ?? '')) problems.push('has no code');
  if (!/store|"plant"|"left"|"exported"/.test(error.message)) problems.push('does not say where');
  if (!/\bE[A-Z]{2,}\b/.test(error.message) && !/^ERR_/.test(errorCode(error) ?? '')) problems.push('does not say why');
  if (!/[.!] \S/.test(error.message)) problems.push('does not say what to do');
  return problems.length === 0 ? [] : [`the error of ${what} ${problems.join(', ')}: ${error.message}`];
}

function describe({ what, error }: Told): string {
  return `${what}: ${chain(error)}`;
}

function chain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} <- ${chain(error.cause)}`;
}
