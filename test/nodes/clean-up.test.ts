import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { openSessionStore } from '../../src';
import { sessionCodec } from '../../src/session/session-codec';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { waitFor } from '../support/wait';
import { Flow, type FlowNode, outNode, requireNodeRed, session, tab, temporaryDirectory } from './flow';

const DAY_MS = 86_400_000;
/** Nothing listens there. */
const NO_BROKER = { port: 1, autoConnect: false };

interface LogLine {
  level: number;
  id?: string;
  msg: unknown;
}
const { log } = requireNodeRed('@node-red/util') as {
  log: { INFO: number; DEBUG: number; addHandler(handler: object): void; removeHandler(handler: object): void };
};

/** Sessions that were last used the day before yesterday, and expire after an hour. */
async function makeExpired(directory: string, ...clientIds: string[]): Promise<void> {
  const scheduler = { now: () => Date.now() - 2 * DAY_MS, after: () => () => undefined };
  const store = await openSessionStore({ path: directory, scheduler });
  for (const clientId of clientIds) await (await store.open(clientId, sessionCodec, 3600)).close();
  await store.close();
}

describe('regular clean-up of a store', () => {
  let flow: Flow | undefined;
  const lines: LogLine[] = [];
  const handler = { emit: (_event: string, line: LogLine) => lines.push(line) };
  beforeEach(() => {
    lines.length = 0;
    log.addHandler(handler);
  });
  afterEach(async () => {
    log.removeHandler(handler);
    await flow?.stop();
  });

  const exists = (directory: string, clientId: string) =>
    existsSync(path.join(directory, sessionDirectoryName(clientId)));
  const linesAt = (level: number, pattern: RegExp) =>
    lines.filter((line) => line.level === level && pattern.test(String(line.msg)));

  it('deletes expired sessions that no broker node uses, and logs it through the store node', async () => {
    const directory = temporaryDirectory();
    await makeExpired(directory, 'expired', 'used by a node');
    const [store, broker] = session({ ...NO_BROKER, directory, clientid: 'used by a node' }) as [FlowNode, FlowNode];
    const out = outNode('out', { topic: 'plant', qos: '1' });
    flow = await Flow.start([tab, { ...store, cleanupInterval: '1' }, broker, out]);
    await waitFor(() => linesAt(log.INFO, /cleaned-up/).length > 0, {
      what: 'the sum in the log',
      timeoutMs: 5_000,
      detail: () => JSON.stringify(lines),
    });
    assert.ok(!exists(directory, 'expired'));
    assert.ok(exists(directory, 'used by a node'));
    // The helper's runtime has no catalogues: it shows the keys of texts.
    const [removal, ...others] = linesAt(log.DEBUG, /removed-session/);
    assert.deepEqual([removal?.id, others], ['store', []]);
    assert.ok(linesAt(log.INFO, /cleaned-up/).every(({ id }) => id === 'store'));
  });

  it('spares the session of a broker node that cannot open it', async () => {
    const directory = temporaryDirectory();
    await makeExpired(directory, 'held elsewhere', 'expired');
    const [store, broker] = session({ ...NO_BROKER, directory, clientid: 'held elsewhere' }) as [FlowNode, FlowNode];
    // Its own process would release the session for a moment, and then nobody but the node speaks for it.
    const holder = await openSessionStore({ path: directory, closeWaitMs: 0 });
    const held = await holder.open('held elsewhere', sessionCodec, undefined);
    const out = outNode('out', { topic: 'plant', qos: '1' });
    flow = await Flow.start([tab, { ...store, cleanupInterval: '1' }, broker, out]);
    await waitFor(() => !exists(directory, 'expired'), { what: 'the other session to be deleted' });
    assert.ok(exists(directory, 'held elsewhere'));
    await held.close();
    await holder.close();
  });

  it('is not made with an interval of 0, and is after a deploy with another one', async () => {
    const directory = temporaryDirectory();
    await makeExpired(directory, 'expired');
    const [store, broker] = session({ ...NO_BROKER, directory }) as [FlowNode, FlowNode];
    const out = outNode('out', { topic: 'plant', qos: '1' });
    const nodes = (cleanupInterval: string) => [tab, { ...store, cleanupInterval }, broker, out];
    flow = await Flow.start(nodes('0'));
    await waitFor(() => exists(directory, 'flow-test'), { what: 'the session of the broker node' });
    assert.ok(exists(directory, 'expired'));
    await flow.deploy(nodes('1'), 'nodes');
    await waitFor(() => !exists(directory, 'expired'), { what: 'the expired session to be deleted' });
  });

  it('of a folder that the default store shares spares the sessions of the default store', async () => {
    const userDir = temporaryDirectory();
    const directory = path.join(userDir, 'mqtt-sessions');
    await makeExpired(directory, 'expired', 'default');
    const [store, broker] = session({ ...NO_BROKER, directory: '', clientid: 'default' }) as [FlowNode, FlowNode];
    const out = outNode('out', { topic: 'plant', qos: '1' });
    flow = await Flow.start([tab, { ...store, cleanupInterval: '1' }, { ...broker, store: '' }, out], {
      settings: { userDir },
    });
    await waitFor(() => !exists(directory, 'expired'), { what: 'the expired session to be deleted' });
    assert.ok(exists(directory, 'default'));
  });
});
