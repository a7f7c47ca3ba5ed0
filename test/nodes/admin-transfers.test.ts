import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { decodeMcps } from '../../src/mcps/decode';
import { flipBit, segmentsOf, sessionPath, storeQueue } from '../admin/storage-fixture';
import { LibraryProcess } from '../support/library-process';
import { Mosquitto } from '../support/mosquitto';
import { startNodeRed } from '../support/node-red-process';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import { adminFlow, ask } from './admin-flow';
import { Flow, temporaryDirectory } from './flow';

describe('the admin node: stored sessions', () => {
  let mosquitto: Mosquitto;
  let observer: Observer;
  let flow: Flow;
  let isStarted = false;
  let directory = '';
  let tests = 0;
  let clientid = '';
  before(async () => {
    mosquitto = await Mosquitto.start();
    observer = await Observer.start({ port: mosquitto.port, filter: '#' });
  });
  beforeEach(() => {
    directory = temporaryDirectory();
    clientid = `stored-${++tests}`;
  });
  afterEach(async () => {
    if (isStarted) await flow.stop();
    isStarted = false;
  });
  after(async () => {
    await observer.stop();
    await mosquitto.remove();
  });

  async function start(broker: Record<string, unknown> = {}): Promise<void> {
    flow = await Flow.start(adminFlow({ port: mosquitto.port, directory, clientid, autoConnect: false, ...broker }));
    isStarted = true;
  }

  /** Publishes until so many messages wait. */
  async function queue(count: number): Promise<void> {
    for (let number = await waiting(); number < count; number++) {
      flow.input('out', { topic: clientid, payload: `message ${number}` });
    }
    await waitFor(async () => (await waiting()) === count, { what: 'the queue', intervalMs: 20 });
  }

  const waiting = async () => (await info(clientid)).messages as number;
  const info = async (clientId: string) =>
    (await ask(flow, { action: 'info', clientId })).info as Record<string, unknown>;

  it('lists orphaned sessions as such, and adopts them in order', async () => {
    await storeQueue(directory, 'left-behind', 20);
    await storeQueue(directory, 'empty', 0);
    await start();
    const { sessions } = (await ask(flow, { action: 'list' })) as unknown as { sessions: Record<string, unknown>[] };
    assert.deepEqual(
      sessions.map(({ clientId, orphaned, status }) => [clientId, orphaned, status]),
      [
        ['empty', false, 'stored'],
        ['left-behind', true, 'stored'],
        [clientid, false, 'disconnected'],
      ],
    );
    await queue(1);
    const adopted = await ask(flow, { action: 'adopt', from: 'left-behind' });
    assert.deepEqual([adopted.code, adopted.messages, adopted.deleted], [0, 20, true], JSON.stringify(adopted));
    assert.equal((await ask(flow, { action: 'exists', clientId: 'left-behind' })).exists, false);
    await ask(flow, { action: 'connect' });
    assert.equal((await ask(flow, { action: 'flush' })).flushed, true);
    const received = () => observer.messages.filter(({ topic }) => topic === 'queue').map(({ payload }) => payload);
    await waitFor(() => received().length >= 20, { what: 'the adopted messages' });
    assert.deepEqual(
      received(),
      Array.from({ length: 20 }, (_, number) => `message ${number}`),
    );
  });

  it('warns of orphaned sessions once, when Node-RED has started', async () => {
    await storeQueue(directory, 'left-behind', 20);
    await storeQueue(directory, clientid, 2);
    const userDir = temporaryDirectory();
    const nodeRed = await startNodeRed(userDir, {
      flows: adminFlow({ port: mosquitto.port, directory, clientid, autoConnect: false }).filter(
        ({ type }) => type !== 'helper',
      ),
    });
    try {
      const warnings = () =>
        nodeRed
          .logs()
          .split('\n')
          .filter((line) => /\[warn\].*that no broker node/.test(line));
      await waitFor(() => warnings().length > 0, { what: 'a warning', detail: nodeRed.logs });
      assert.match(
        warnings()[0] ?? '',
        /will send: 20 in 1 session\(s\), .* since 2026-01-01T00:00:00.*: "left-behind"\./,
      );
      const flows = (await (await fetch(`${nodeRed.url}/flows`)).json()) as object[];
      await nodeRed.deploy(flows);
      assert.equal(warnings().length, 1);
    } finally {
      await nodeRed.kill();
    }
  }).timeout(60_000);

  it('adopts nothing that is in use, or not there, or itself', async () => {
    await start();
    await queue(1);
    const code = async (from: string) => (await ask(flow, { action: 'adopt', from })).error?.code;
    assert.equal(await code('nobody'), 'ERR_SESSION_UNKNOWN');
    assert.equal(await code(clientid), 'ERR_SESSION_SAME');
  });

  it('exports a session in use, and imports the file elsewhere, once however often', async () => {
    await start();
    await queue(3);
    const exported = await ask(flow, { action: 'export' });
    assert.equal(exported.format, 'jsonl');
    const file = exported.file as Buffer;
    assert.equal(
      file
        .toString()
        .split('\n')
        .filter((line) => line.includes('"type":"message"')).length,
      3,
    );
    const imported = await ask(flow, { action: 'import', file, clientId: 'elsewhere' });
    assert.deepEqual(
      [imported.code, imported.clientId, imported.messages],
      [0, 'elsewhere', 3],
      JSON.stringify(imported),
    );
    const again = await ask(flow, { action: 'import', payload: file, clientId: 'elsewhere' });
    assert.deepEqual([again.messages, again.duplicates], [0, 3]);
    const elsewhere = await info('elsewhere');
    assert.deepEqual([elsewhere.messages, elsewhere.orphaned], [3, true]);
    assert.equal((await info(clientid)).messages, 3, 'the exported one stays as it is');
  });

  it('loads a file of the original implementation into a session in use, never over messages unless told', async () => {
    await start();
    await queue(2);
    const { file } = await ask(flow, { action: 'export', format: 'mcps1' });
    const decoded = decodeMcps(file as Buffer);
    assert.equal(decoded.version === 1 && decoded.inflight.length, 2);
    const refused = await ask(flow, { action: 'load', file });
    assert.deepEqual([refused.code, refused.error?.code], [-1, 'ERR_SESSION_NOT_EMPTY']);
    await queue(3);
    const onDisk = path.join(directory, 'plant.bin');
    fs.writeFileSync(onDisk, file as Buffer);
    const replaced = await ask(flow, { action: 'load', file: onDisk, replace: true });
    assert.deepEqual([replaced.code, replaced.clientId, replaced.messages], [0, clientid, 2], JSON.stringify(replaced));
    assert.equal((await info(clientid)).messages, 2);
    flow.input('out', { topic: clientid, payload: 'one more' });
    await waitFor(async () => (await info(clientid)).messages === 3, { what: 'a session that works', intervalMs: 50 });
  });

  it('load checks every record: of a session in use, which goes on, and of a stored one', async () => {
    await storeQueue(directory, 'damaged', 30);
    flipBit(segmentsOf(sessionPath(directory, 'damaged'))[0] ?? '', 400);
    await start();
    await queue(2);
    const own = await ask(flow, { action: 'load' });
    assert.deepEqual([own.code, own.findings], [0, []]);
    assert.equal((own.info as Record<string, unknown>).messages, 2);
    const stored = await ask(flow, { action: 'load', clientId: 'damaged' });
    assert.equal(stored.code, 0);
    assert.match(JSON.stringify(stored.findings), /"severity":"damage"/);
    await ask(flow, { action: 'connect' });
    assert.equal((await ask(flow, { action: 'flush' })).flushed, true);
  });

  it('works on stored sessions that no broker node uses, without connecting', async () => {
    await storeQueue(directory, 'left-behind', 5);
    await start();
    await flow.messages('errors', 0);
    const clientId = 'left-behind';
    assert.equal((await ask(flow, { action: 'pause', clientId })).code, 0);
    assert.equal((await info(clientId)).paused, true);
    assert.deepEqual((await ask(flow, { action: 'failed', clientId })).failed, []);
    assert.equal((await ask(flow, { action: 'purge', clientId })).count, 5);
    assert.equal((await info(clientId)).messages, 0);
    for (const action of ['save', 'stats', 'flush', 'connect']) {
      assert.equal((await ask(flow, { action, clientId })).error?.code, 'ERR_SESSION_UNKNOWN', action);
    }
    assert.equal((await ask(flow, { action: 'delete', clientId })).code, 0);
  });

  it('names the process that has a session open', async () => {
    const holder = await LibraryProcess.start({
      storePath: directory,
      url: 'mqtt://127.0.0.1:1',
      clients: [{ clientId: 'held', protocolVersion: 4, connect: false }],
      doneFile: path.join(temporaryDirectory(), 'done'),
      receivedFile: path.join(temporaryDirectory(), 'received'),
      generation: 1,
    });
    try {
      await start();
      for (const action of ['load', 'purge', 'pause', 'failed', 'export', 'delete', 'discard']) {
        const { code, error } = await ask(flow, { action, clientId: 'held' });
        assert.deepEqual([code, error?.code], [-1, 'ERR_SESSION_LOCKED'], action);
        assert.match(error?.message ?? '', new RegExp(`process ${holder.pid} on host`), action);
      }
      assert.equal((await ask(flow, { action: 'adopt', from: 'held' })).error?.code, 'ERR_SESSION_LOCKED');
      const { status, lockedBy, orphaned } = await info('held');
      assert.deepEqual([status, (lockedBy as { pid: number }).pid, orphaned], ['locked', holder.pid, false]);
    } finally {
      await holder.kill();
    }
    assert.equal((await ask(flow, { action: 'delete', clientId: 'held' })).code, 0);
  });

  it('cleans up on demand', async () => {
    await start({ sessionExpiry: 0 });
    const { code, count, sessions } = await ask(flow, { action: 'cleanup' });
    assert.deepEqual([code, count, sessions], [0, 0, []]);
  });
});
