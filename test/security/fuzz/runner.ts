import { Random } from './random';
import type { TargetDefinition } from './target';
import type { Watchdog } from './watchdog';

/** Bytes that one input may make a parser allocate at once: a fixed part for chunks and pools, and a multiple of it. */
const ALLOCATION_FIXED_BYTES = 512 * 1024;
const ALLOCATION_TIMES_SIZE = 8;
/** Of processor time, for one input. What waits (for `flush`) waits for half a minute at most. */
const PROCESSOR_MS_MAX = 5_000;
const WAITING_MS_MAX = 60_000;
/** Heap in use after the inputs of a target; what is kept per input shows here. */
const HEAP_BYTES_MAX = 512 * 1024 * 1024;
/** The event loop goes on after so many inputs. */
const INPUTS_PER_TURN = 256;

export interface TargetReport {
  target: string;
  inputs: number;
  accepted: number;
  slowestMs: number;
  /** The largest single Buffer that an input made. */
  largestAllocation: number;
  failure?: string;
}

export interface FuzzOptions {
  seed: number;
  /** How long, and at least so many inputs (default 1), however long these take. */
  milliseconds: number;
  inputsMin?: number;
  /** The one input with this seed. */
  only?: number | undefined;
}

/** Every input has a seed of its own, so that a failure is repeated by this seed alone. */
export function inputSeed(seed: number, number: number): number {
  return (Math.imul(seed, 0x9e37_79b1) + Math.imul(number, 0x85eb_ca6b)) >>> 0;
}

/**
 * Gives inputs to a target for some time, or one input by its seed.
 * @returns what was seen; with `failure` after the first input that broke a rule.
 */
export async function fuzz(
  definition: TargetDefinition,
  { seed, milliseconds, only, inputsMin = 1 }: FuzzOptions,
  watchdog?: Watchdog,
): Promise<TargetReport> {
  const { name } = definition;
  const report: TargetReport = { target: name, inputs: 0, accepted: 0, slowestMs: 0, largestAllocation: 0 };
  const target = await definition.open();
  const allocations = watchAllocations();
  const before = prototypeState();
  const ends = performance.now() + milliseconds;
  // Asking for it takes longer than most inputs.
  let processor = process.cpuUsage();
  try {
    while (report.failure === undefined && (performance.now() < ends || report.inputs < inputsMin)) {
      const one = only ?? inputSeed(seed, report.inputs);
      watchdog?.begin(name, one);
      allocations.largest = 0;
      const started = performance.now();
      if (report.inputs % INPUTS_PER_TURN === 0) processor = process.cpuUsage();
      try {
        const answer = target.feed(new Random(one));
        const { size, accepted } = answer instanceof Promise ? await answer : answer;
        const took = performance.now() - started;
        report.inputs++;
        if (accepted) report.accepted++;
        report.slowestMs = Math.max(report.slowestMs, took);
        report.largestAllocation = Math.max(report.largestAllocation, allocations.largest);
        const allowed = ALLOCATION_FIXED_BYTES + ALLOCATION_TIMES_SIZE * size;
        if (allocations.largest > allowed) fail(one, `allocated ${allocations.largest} bytes for an input of ${size}`);
        if (took > PROCESSOR_MS_MAX) {
          const { user, system } = process.cpuUsage(processor);
          const busyMs = (user + system) / 1000;
          if (busyMs > PROCESSOR_MS_MAX || took > WAITING_MS_MAX)
            fail(one, `took ${Math.round(took)} ms, ${busyMs} busy`);
        }
      } catch (error) {
        fail(one, error instanceof Error ? (error.stack ?? String(error)) : `threw ${String(error)}`);
      }
      if (prototypeState() !== before) fail(one, 'changed a prototype');
      if (only !== undefined) break;
      if (report.inputs % INPUTS_PER_TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const { heapUsed } = process.memoryUsage();
    if (heapUsed > HEAP_BYTES_MAX) fail(seed, `${heapUsed} bytes of heap are in use after ${report.inputs} inputs`);
  } finally {
    allocations.end();
    watchdog?.end();
    await target.close?.();
  }
  return report;

  function fail(one: number, reason: string): void {
    report.failure ??= `input ${one} of ${name} (again: --target ${name} --input ${one}): ${reason}`;
  }
}

/** What is in the prototypes that everything shares. */
function prototypeState(): number {
  let names = 0;
  for (const prototype of [Object.prototype, Array.prototype, Function.prototype, String.prototype]) {
    names += Object.getOwnPropertyNames(prototype).length;
  }
  return names;
}

/** The largest Buffer that was asked for by the functions that the package uses. */
function watchAllocations(): { largest: number; end(): void } {
  const originals = { alloc: Buffer.alloc, allocUnsafe: Buffer.allocUnsafe, allocUnsafeSlow: Buffer.allocUnsafeSlow };
  const watch = {
    largest: 0,
    end() {
      Object.assign(Buffer, originals);
    },
  };
  for (const [name, original] of Object.entries(originals) as [keyof typeof originals, typeof Buffer.alloc][]) {
    Buffer[name] = (size: number, ...rest: []) => {
      if (size > watch.largest) watch.largest = size;
      return original.call(Buffer, size, ...rest);
    };
  }
  return watch;
}
