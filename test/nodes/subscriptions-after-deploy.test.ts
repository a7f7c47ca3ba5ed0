import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { SessionClient } from '../../src/client/session-client';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore } from '../../src/store/session-store';
import { factsOf } from '../store/support';
import { Mosquitto } from '../support/mosquitto';
import { waitFor } from '../support/wait';
import { Flow, type FlowNode, helperNode, inNode, outNode, session, tab, temporaryDirectory } from './flow';

interface Info {
  connected: boolean;
  subscriptions: { topic: string; state: string }[];
}

describe('subscriptions after a deploy', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  const nodes = (autoUnsubscribe: boolean, clientid: string): FlowNode[] => [
    tab,
    ...session({ port: mosquitto.port, directory: temporaryDirectory(), autoUnsubscribe, clientid }),
    inNode('one', 'plant/one', 'received'),
    inNode('two', 'plant/two', 'received'),
    {
      id: 'admin',
      type: 'mqtt-session-admin',
      z: 'tab',
      x: 0,
      y: 0,
      broker: 'broker',
      action: 'info',
      wires: [['answers']],
    },
    helperNode('received'),
    helperNode('answers'),
  ];

  async function info(): Promise<Info> {
    const running = flow as Flow;
    const count = running.received('answers').length;
    running.input('admin', {});
    const answers = await running.messages('answers', count + 1);
    return (answers[count]?.payload as { info: Info } | undefined)?.info as Info;
  }

  /** Asks until the subscriptions are as expected. */
  async function subscriptions(expected: Record<string, string>): Promise<void> {
    let last: unknown;
    await waitFor(
      async () => {
        const listed = (await info()).subscriptions;
        last = Object.fromEntries(listed.map(({ topic, state }) => [topic, state]));
        return JSON.stringify(last) === JSON.stringify(expected);
      },
      { what: JSON.stringify(expected), detail: () => JSON.stringify(last) },
    );
  }

  it('of a disabled node are inactive, and come back with it', async () => {
    const all = nodes(true, 'disable');
    flow = await Flow.start(all);
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
    await flow.deploy(
      all.map((node) => (node.id === 'two' ? { ...node, d: true } : node)),
      'nodes',
    );
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'inactive' });
    await flow.deploy(all, 'nodes');
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
  });

  it('of a node that was deleted while another process had the session are removed', async () => {
    const all = [...nodes(true, 'taken'), outNode('out', { topic: 'plant', qos: '1' })];
    flow = await Flow.start(all);
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
    // To the lock the process that has started this one, which is there; it does not see us, and takes us for dead.
    const processStart = (await systemHolderFacts.process(process.ppid))?.start ?? '';
    const { path: directory } = all.find(({ type }) => type === 'mqtt-session-store') as FlowNode & { path: string };
    const alias = `${directory}-alias`;
    await symlink(directory, alias);
    const store = await openSessionStore({
      path: alias,
      fileSystem: { ...nodeFileSystem },
      holderFacts: factsOf(
        { ...(await systemHolderFacts.self()), pid: process.ppid, processStart },
        { [process.ppid]: processStart },
      ),
    });
    const connection = { url: mosquitto.url, protocolVersion: 4, clean: false, keepalive: 60 } as const;
    const holder = new SessionClient({ store, clientId: 'taken', connection });
    await holder.open();
    // What is to be written shows that the session is gone.
    flow.input('out', { payload: 'x' });
    await flow.statusState('one', 'waiting');
    await flow.deploy(
      all.filter(({ id }) => id !== 'two'),
      'nodes',
    );
    await holder.close();
    await store.close();
    await flow.statusState('one', 'connected');
    await subscriptions({ 'plant/one': 'active' });
  }).timeout(60_000);

  it('of a deleted node are removed', async () => {
    const all = nodes(true, 'delete');
    flow = await Flow.start(all);
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
    await flow.deploy(
      all.filter(({ id }) => id !== 'two'),
      'nodes',
    );
    await subscriptions({ 'plant/one': 'active' });
  });

  it('of a deleted node stay when autoUnsubscribe is off', async () => {
    const all = nodes(false, 'keep');
    flow = await Flow.start(all);
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
    await flow.deploy(
      all.filter(({ id }) => id !== 'two'),
      'nodes',
    );
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
  });

  it('follow a changed topic', async () => {
    const all = nodes(true, 'change');
    flow = await Flow.start(all);
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
    await flow.deploy(
      all.map((node) => (node.id === 'two' ? { ...node, topic: 'plant/three' } : node)),
      'nodes',
    );
    await subscriptions({ 'plant/one': 'active', 'plant/three': 'active' });
  });

  it('of a broker node whose nodes are all gone stay, and it disconnects', async () => {
    const all = nodes(true, 'alone');
    flow = await Flow.start(all);
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
    await flow.deploy(
      all.map((node) => (node.type === 'mqtt-persistent-in' ? { ...node, d: true } : node)),
      'nodes',
    );
    await waitFor(async () => !(await info()).connected, { what: 'the connection to be closed' });
    await subscriptions({ 'plant/one': 'active', 'plant/two': 'active' });
    assert.equal(flow.received('received').length, 0);
  });
});
