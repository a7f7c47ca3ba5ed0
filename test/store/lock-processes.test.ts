import * as assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { acquireLock } from '../../src/store/lock';
import { lockOptions, temporaryDirectory } from './support';

interface Answer {
  rounds?: number;
  failure?: string;
}

describe('processes and one lock', function () {
  this.timeout(60_000);
  const directory = temporaryDirectory();
  let children: ChildProcess[] = [];

  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children = [];
  });

  async function start(mode: 'race' | 'hold'): Promise<ChildProcess> {
    const child = fork(path.join(__dirname, 'lock-holder.ts'), [directory(), mode], {
      execArgv: ['--require', 'tsx/cjs'],
    });
    children.push(child);
    await once(child, 'message');
    return child;
  }

  it('after a SIGKILL of the holder the next one has it within a second', async () => {
    const child = await start('hold');
    child.send('go');
    await once(child, 'message');
    const options = lockOptions(directory(), { facts: systemHolderFacts });
    await assert.rejects(acquireLock(options), { code: 'ERR_SESSION_LOCKED', holder: await holderOf(options.path) });
    child.kill('SIGKILL');
    const killedAt = performance.now();
    for (;;) {
      const lock = await acquireLock(options).catch((error: { code: string }) => {
        assert.equal(error.code, 'ERR_SESSION_LOCKED');
        return undefined;
      });
      if (lock) {
        await lock.release();
        break;
      }
      assert.ok(performance.now() - killedAt < 1000, 'still locked a second after the SIGKILL');
      await wait(10);
    }
  });

  it('never has two holders, while some are killed', async () => {
    const racers = await Promise.all([1, 2, 3, 4].map(() => start('race')));
    const victims = [racers[0], await start('race'), await start('race')] as ChildProcess[];
    const survivors = children.filter((child) => !victims.includes(child));
    const answered = survivors.map(async (child): Promise<Answer> => ((await once(child, 'message')) as [Answer])[0]);
    for (const child of children) child.send('go');
    for (const victim of victims) {
      await wait(400);
      victim.kill('SIGKILL');
    }
    await wait(400);
    for (const child of survivors) if (child.connected) child.send('stop');
    const answers = await Promise.all(answered);
    for (const { failure } of answers) assert.equal(failure, undefined);
    const rounds = answers.reduce((sum, answer) => sum + (answer.rounds ?? 0), 0);
    assert.ok(rounds > 20, `only ${rounds} rounds`);
  });
});

async function holderOf(lockPath: string): Promise<unknown> {
  return JSON.parse(await readFile(lockPath, 'utf8'));
}
