/**
 * What tells the holder of a lock from another process: not its pid alone, not the host name, not what one PID namespace
 * can see of another. With real processes in real namespaces; all combinations are in store/lock-judgement.test.ts.
 */
import * as assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { directoryName } from '../formats/decoder';
import { temporaryDirectory } from '../store/support';
import { waitFor } from '../support/wait';
import { HolderProcess, IN_OWN_PID_NAMESPACE, mayUnshare } from './holder-process';

const CLIENT_ID = 'identity';
const TIMEOUT_MS = 30_000;

describe('the holder of a session', function () {
  this.timeout(60_000);
  const holders: HolderProcess[] = [];
  let namespace: ChildProcess | undefined;

  before(function () {
    if (!mayUnshare()) this.skip();
  });
  afterEach(async () => {
    for (const holder of holders.splice(0)) await holder.kill();
    namespace?.kill('SIGKILL');
    namespace = undefined;
  });
  // Behind the hook that ends the processes: hooks run in their order.
  const directory = temporaryDirectory();

  const storePath = () => path.join(directory(), 'sessions');

  /** A process that opens the session, or is refused; it goes on asking every second. */
  async function start(wrapper: readonly string[] = []): Promise<HolderProcess> {
    const holder = await HolderProcess.start({ storePath: storePath() }, wrapper);
    holders.push(holder);
    holder.ask({ command: 'publish', clientId: CLIENT_ID, topic: 'identity', first: 1 });
    return holder;
  }

  function lockedPid(): number {
    const lock = path.join(storePath(), directoryName(CLIENT_ID), 'lock');
    return (JSON.parse(readFileSync(lock, 'utf8')) as { pid: number }).pid;
  }

  /** It is refused, and gets the session when the holder has been killed. */
  async function waitsFor(holder: HolderProcess, second: HolderProcess): Promise<void> {
    const { code } = await second.whenTold('refused');
    assert.equal(code, 'ERR_SESSION_LOCKED');
    assert.ok(!second.told.some(({ told }) => told === 'open'));
    await holder.kill();
    await second.whenTold('open');
  }

  it('that was killed is dead although another process has its pid now', async () => {
    // A namespace of which we give out the pids.
    const [command, ...args] = [...IN_OWN_PID_NAMESPACE, 'sleep', '600'];
    const owner = spawn(command as string, args, { stdio: 'ignore' });
    namespace = owner;
    const children = () => readFileSync(`/proc/${owner.pid}/task/${owner.pid}/children`, 'utf8').trim();
    const init = await waitFor(children, { what: 'the namespace', timeoutMs: TIMEOUT_MS });
    // Its own /proc is mounted when `sleep` runs.
    const sleeps = () => readFileSync(`/proc/${init}/comm`, 'utf8').trim() === 'sleep';
    await waitFor(sleeps, { what: 'the namespace', timeoutMs: TIMEOUT_MS });
    const inside = ['nsenter', '--target', init, '--pid', '--mount', '--'];

    const holder = await start(inside);
    await holder.whenTold('open');
    const pid = lockedPid();
    holder.signal('SIGKILL');
    await waitFor(() => holder.ended, { what: 'the end of the holder', timeoutMs: TIMEOUT_MS });
    const script = `echo ${pid - 1} > /proc/sys/kernel/ns_last_pid; sleep 600 > /dev/null 2>&1 & cat /proc/${pid}/comm`;
    const [enter, ...enterArgs] = inside;
    const reused = () =>
      spawnSync(enter as string, [...enterArgs, 'sh', '-c', script], { encoding: 'utf8' }).stdout.trim();
    await waitFor(() => ['sleep', 'sh'].includes(reused()), { what: `another process ${pid}`, timeoutMs: TIMEOUT_MS });

    const second = await start(inside);
    await second.whenTold('open');
    assert.notEqual(lockedPid(), pid);
    assert.ok(!second.told.some(({ told }) => told === 'refused'), second.log);
  });

  it('is the holder under another host name, too, as long as it lives', async () => {
    const renamed = ['unshare', '--uts', 'sh', '-c', 'hostname renamed && exec "$@"', 'sh'];
    const holder = await start(renamed);
    await holder.whenTold('open');
    const ready = await holder.whenTold('ready');
    assert.equal(ready.host, 'renamed');
    await waitsFor(holder, await start());
  });

  it('is seen from outside of its PID namespace, and gone with it', async () => {
    const holder = await start(IN_OWN_PID_NAMESPACE);
    await holder.whenTold('open');
    const second = await start();
    assert.notEqual((await holder.whenTold('ready')).pidNamespace, (await second.whenTold('ready')).pidNamespace);
    await waitsFor(holder, second);
  });
});
