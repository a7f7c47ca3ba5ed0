import { mkdtemp, rm } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import type { HolderFacts, HolderIdentity } from '../../src/store/holder-identity';
import { LockObservations, type LockOptions } from '../../src/store/lock';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { systemScheduler } from '../../src/store/scheduler';

/** A directory that is removed after each test of the calling suite; the function gives that of the running test. */
export function temporaryDirectory(): () => string {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-test-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  return () => directory;
}

export { ManualScheduler } from '../support/manual-scheduler';

export const FIRST_NAMESPACE = 'first';

export const machine: HolderIdentity = {
  host: 'plant',
  bootId: 'boot-1',
  pidNamespace: FIRST_NAMESPACE,
  pid: 100,
  processStart: '5000',
};

/** The facts of a process `self` among those that run, given by pid and start time. */
export function factsOf(
  self: HolderIdentity,
  running: Record<number, string> = {},
  namespacesInUse: string[] = [],
): HolderFacts {
  return {
    self: async () => self,
    isFirstNamespace: (namespace) => namespace === FIRST_NAMESPACE || namespace === '',
    process: async (pid) => {
      const start = running[pid];
      return start === undefined ? undefined : { start };
    },
    isNamespaceInUse: async (namespace) => namespacesInUse.includes(namespace),
  };
}

export function lockOptions(directory: string, part: Partial<LockOptions> = {}): LockOptions {
  const scheduler = part.scheduler ?? systemScheduler;
  return {
    fileSystem: nodeFileSystem,
    scheduler,
    facts: factsOf(machine, { [machine.pid]: machine.processStart }),
    observations: new LockObservations(scheduler),
    path: path.join(directory, 'lock'),
    subject: 'session "plant-1"',
    ...part,
  };
}
