/** A child process that takes a lock again and again; see lock-processes.test.ts. Arguments: directory, mode. */
import { readlink, rm, symlink } from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { acquireLock, type Lock, LockObservations, SessionLockedError } from '../../src/store/lock';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { systemScheduler } from '../../src/store/scheduler';

const [directory = '', mode] = process.argv.slice(2);
const marker = path.join(directory, 'in-use');

async function take(): Promise<Lock> {
  for (;;) {
    try {
      return await acquireLock({
        fileSystem: nodeFileSystem,
        scheduler: systemScheduler,
        facts: systemHolderFacts,
        observations: new LockObservations(systemScheduler),
        path: path.join(directory, 'lock'),
        subject: 'session "race"',
      });
    } catch (error) {
      if (!(error instanceof SessionLockedError)) throw error;
    }
    await wait(1);
  }
}

/**
 * Fails when another running process left its mark: then two have the lock. The mark is a symbolic link, because that has
 * its content from the beginning, whenever its maker is killed.
 */
async function mark(): Promise<void> {
  const left = await readlink(marker).catch(() => undefined);
  if (left !== undefined) {
    if (await systemHolderFacts.process(Number(left))) throw new Error(`two holders: ${process.pid}, ${left}`);
    await rm(marker);
  }
  await symlink(String(process.pid), marker);
}

async function main(): Promise<void> {
  process.send?.('ready');
  await new Promise((resolve) => process.once('message', resolve));
  if (mode === 'hold') {
    await take();
    process.send?.('holding');
    setInterval(() => {}, 1000);
    return;
  }
  let stopping = false;
  process.once('message', () => {
    stopping = true;
  });
  let rounds = 0;
  for (; !stopping; rounds++) {
    const lock = await take();
    await mark();
    await lock.verify();
    await rm(marker);
    await lock.release();
  }
  process.send?.({ rounds });
  process.disconnect?.();
}

main().catch((error: Error) => {
  process.send?.({ failure: error.message });
  process.exitCode = 1;
  process.disconnect?.();
});
