import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Check } from './mutation';

/**
 * `passed`: the check found nothing. `failed`: a test or the oracle objected; `by` says which, in short. `broken`: it did
 * not get so far, because the code does not load, or fails by an error of the program and not by an expectation.
 */
export type CheckResult = { kind: 'passed' } | { kind: 'failed'; by: string } | { kind: 'broken'; why: string };

const TIME_LIMIT_MS = 120_000;
/** More than its episodes take. */
const SIMULATION_SECONDS = 50;
/** Errors of code that could never have run: no test had to look for them. */
const PROGRAM_ERRORS = /^(SyntaxError|ReferenceError|TypeError|Error: Cannot find module)/;
const OUTPUT_MAX = 400;

interface MochaReport {
  stats: { tests: number; passes: number; failures: number };
  failures: { fullTitle: string; err: { message?: string; stack?: string } }[];
}

/** Runs a check in a copy of the project. */
export function runCheck(check: Check, folder: string): Promise<CheckResult> {
  return check.kind === 'mocha' ? runMocha(check, folder) : runSimulation(check, folder);
}

/** Type errors of a copy of the project, in the code and not in its tests. What the compiler finds needs no test. */
export async function typeErrors(folder: string): Promise<string[]> {
  const tsc = path.join('node_modules', 'typescript', 'bin', 'tsc');
  const { output } = await run([tsc, '--noEmit', '--pretty', 'false'], folder);
  return output.split('\n').filter((line) => /^(src|nodes)\/.*error TS/.test(line));
}

async function runMocha({ file, grep }: Extract<Check, { kind: 'mocha' }>, folder: string): Promise<CheckResult> {
  const results = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-mutation-result-'));
  try {
    const report = path.join(results, 'report.json');
    const options = [
      '--bail',
      '--exit',
      '--forbid-only',
      '--reporter',
      'json',
      '--reporter-option',
      `output=${report}`,
    ];
    const selection = grep === undefined ? [] : ['--fgrep', grep];
    const mocha = path.join('node_modules', 'mocha', 'bin', 'mocha.js');
    const { output, timedOut } = await run([mocha, ...options, ...selection, file], folder);
    if (timedOut) return { kind: 'broken', why: `it did not end within ${TIME_LIMIT_MS / 1000} s` };
    const text = await fs.readFile(report, 'utf8').catch(() => undefined);
    if (text === undefined) return { kind: 'broken', why: `mocha did not run: ${shortened(output)}` };
    return judgeReport(JSON.parse(text) as MochaReport);
  } finally {
    await fs.rm(results, { recursive: true, force: true });
  }
}

/** What a report of mocha says about the code. */
export function judgeReport({ stats, failures }: MochaReport): CheckResult {
  const failure = failures[0];
  if (failure === undefined) {
    if (stats.passes > 0) return { kind: 'passed' };
    return { kind: 'broken', why: 'no test ran: the file or title named in "Caught by" has changed' };
  }
  const { message = '', stack = message } = failure.err;
  if (PROGRAM_ERRORS.test(stack)) return { kind: 'broken', why: `${failure.fullTitle}: ${shortened(stack)}` };
  return { kind: 'failed', by: failure.fullTitle };
}

async function runSimulation(
  { seed, episodes }: Extract<Check, { kind: 'simulation' }>,
  folder: string,
): Promise<CheckResult> {
  const program = ['--require', 'tsx/cjs', path.join('test', 'simulation', 'main.ts')];
  const limits = [
    '--seed',
    String(seed),
    '--episodes',
    String(episodes),
    '--seconds',
    String(SIMULATION_SECONDS),
    '--workers',
    '1',
  ];
  // The first violation is enough: no need to wait until the shortest way to it is found.
  const { exitCode, output, timedOut } = await run([...program, ...limits], folder, /^\s*VIOLATION .+\n/m);
  if (timedOut) return { kind: 'broken', why: `it did not end within ${TIME_LIMIT_MS / 1000} s` };
  const violation = /^\s*VIOLATION (.+)$/m.exec(output)?.[1];
  if (violation !== undefined) return { kind: 'failed', by: violation };
  return exitCode === 0 ? { kind: 'passed' } : { kind: 'broken', why: shortened(output) };
}

async function run(
  args: readonly string[],
  cwd: string,
  enough?: RegExp,
): Promise<{ exitCode: number | null; output: string; timedOut: boolean }> {
  // A group of its own, so that brokers that a test has started end with it.
  const detached = process.platform !== 'win32';
  const child = spawn(process.execPath, args, { cwd, detached, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(detached ? -child.pid : child.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (enough?.test(output)) end();
    });
  }
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, TIME_LIMIT_MS);
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code));
    });
    return { exitCode, output, timedOut };
  } finally {
    clearTimeout(timer);
    end();
  }
}

function shortened(output: string): string {
  const text = output.trim().replace(/\s+/g, ' ');
  return text.length > OUTPUT_MAX ? `${text.slice(0, OUTPUT_MAX)} ...` : text;
}
