/**
 * A holder is stopped (SIGSTOP) in the middle of publishing, another process takes the session over, and the first one
 * wakes up. Alternately it sits between any two steps of a write. Whatever it reported done must arrive, once, and
 * nothing of what it does after waking may be reported done, or show in what the other one has.
 *
 * A local holder that is alive is never displaced, stopped or not. So both play containers that share the host's name:
 * each in a PID namespace of its own, from which the other's process cannot be seen.
 */
import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeSession, directoryName } from '../formats/decoder';
import { temporaryDirectory } from '../store/support';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import { HolderProcess, IN_OWN_PID_NAMESPACE, mayUnshare } from './holder-process';

const TAKE_OVERS = 5;
const CLIENT_ID = 'stopped';
const TOPIC = 'stopped';
const STORED_MIN = 100;
const RUN_MS_MAX = 20;
const TIMEOUT_MS = 60_000;

describe('a holder that is stopped, replaced, and wakes up', function () {
  this.timeout(180_000);
  const directory = temporaryDirectory();
  const holders: HolderProcess[] = [];
  let broker: Mosquitto;
  let observer: Observer;

  before(function () {
    if (!mayUnshare()) this.skip();
  });
  beforeEach(async () => {
    broker = await Mosquitto.start();
    observer = await Observer.start({ port: broker.port, filter: TOPIC });
  });
  afterEach(async () => {
    for (const holder of holders.splice(0)) await holder.kill();
    await observer?.stop();
    await broker?.remove();
  });

  it(`reports nothing done that is not kept, and mixes nothing up, ${TAKE_OVERS} times`, async () => {
    const storePath = path.join(directory(), 'sessions');
    const start = async (generation: number): Promise<HolderProcess> => {
      const holder = await HolderProcess.start({ storePath, url: broker.url }, IN_OWN_PID_NAMESPACE);
      holders.push(holder);
      holder.ask({ command: 'publish', clientId: CLIENT_ID, topic: TOPIC, first: generation * 1_000_000 });
      return holder;
    };
    const publishing = async (holder: HolderProcess): Promise<void> => {
      const from = holder.stored.length;
      await waitFor(() => holder.stored.length >= from + STORED_MIN, {
        what: 'stored messages',
        timeoutMs: TIMEOUT_MS,
        detail: () => holder.log,
      });
    };

    let holder = await start(1);
    for (let generation = 2; generation <= TAKE_OVERS + 1; generation++) {
      await publishing(holder);
      await sleep(Math.random() * RUN_MS_MAX);
      holder.signal('SIGSTOP');
      const successor = await start(generation);
      await publishing(successor);
      holder.signal('SIGCONT');
      const lost = () => holder.told.some((told) => told.told === 'refused' && told.code === 'ERR_SESSION_LOST');
      await waitFor(lost, { what: 'the woken holder to notice', timeoutMs: TIMEOUT_MS, detail: () => holder.log });
      // Before it asks for the session again: to it, too, the other one looks like a container that is gone.
      await holder.kill();
      await publishing(successor);
      holder = successor;
    }
    await holder.kill();

    const { lost } = decodeSession(path.join(storePath, directoryName(CLIENT_ID)));
    assert.deepEqual(lost, []);
    // Whoever opens it next sends what is left.
    const last = await start(TAKE_OVERS + 2);
    const reported = holders.flatMap((one) => one.stored.map(String));
    await observer.waitForAll(reported, TIMEOUT_MS);
    await last.kill();
    assert.deepEqual(observer.doubled(), []);
    assert.deepEqual(observer.outOfOrder(Number), []);
    console.log(`${TAKE_OVERS} take-overs, ${reported.length} messages reported done, all arrived once`);
  });
});
