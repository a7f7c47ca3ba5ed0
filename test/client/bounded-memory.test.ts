import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { LibraryProcess } from '../support/library-process';
import { waitFor } from '../support/wait';
import { Bed, holdBack, message, TestDisk } from './bed';

const MIB = 1024 * 1024;
const BACKLOG = 200_000;
/** A megabyte of the queue's front, the blocks of the journal, and what the collector has not looked at yet. */
const GROWTH_MAX = 40 * MIB;

describe('memory', function () {
  this.timeout(120_000);
  const bed = new Bed();

  it(`does not grow with the backlog: ${BACKLOG} messages made offline`, async () => {
    const subject = await LibraryProcess.start({
      storePath: path.join(bed.directory, 'sessions'),
      url: 'mqtt://127.0.0.1:1',
      durability: 'os',
      clients: [{ clientId: 'tested', protocolVersion: 4, connect: false }],
      doneFile: path.join(bed.directory, 'done'),
      receivedFile: path.join(bed.directory, 'received'),
      generation: 1,
    });
    bed.after(() => subject.kill());
    const run = { clientId: 'tested', topic: 'test', qos: 1, bytes: 500 } as const;
    const used = async () => {
      const { heapUsed, external } = await subject.call('memory');
      return heapUsed + external;
    };
    const step = 5_000;
    await subject.call('publish', { ...run, first: 1, count: step });
    const before = await used();
    for (let first = 1 + step; first <= BACKLOG; first += step) {
      await subject.call('publish', { ...run, first, count: step });
    }
    let growth = Number.POSITIVE_INFINITY;
    let backlog = BACKLOG;
    // The collector comes when it likes; a few more messages make it come.
    const isBounded = async () => {
      await subject.call('publish', { ...run, first: backlog + 1, count: step });
      backlog += step;
      growth = Math.min(growth, (await used()) - before);
      return growth < GROWTH_MAX;
    };
    await waitFor(isBounded, { what: 'bounded memory', timeoutMs: 20_000, detail: () => `${growth / MIB} MiB more` });
    const { queuedMessages } = await subject.call('statistics', { clientId: 'tested' });
    assert.equal(queuedMessages, backlog);
  });

  it('of messages that wait for a slow disk is bounded: the rest is refused until it has caught up', async () => {
    const disk = new TestDisk();
    const client = await bed.openClient({ store: await bed.storeOn(disk) });
    const held = holdBack(disk, 'sync');
    const payload = 'x'.repeat(8 * MIB);
    const waiting: Promise<unknown>[] = [];
    let refusal: NodeJS.ErrnoException | undefined;
    while (refusal === undefined && waiting.length < 20) {
      const publishing = client.publish(message(payload));
      waiting.push(publishing);
      publishing.catch((error) => {
        refusal = error;
      });
      await Promise.resolve();
    }
    assert.equal(refusal?.code, 'ERR_STORE_BUSY');
    waiting.pop();
    assert.equal(waiting.length, 8);
    held.release();
    await Promise.all(waiting);
    await client.publish(message('small again'));
    assert.equal(client.stored.count, 9);
  });
});
