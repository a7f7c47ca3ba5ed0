import assert from 'node:assert/strict';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { call } from './admin-http';
import { type FlowNode, outNode, session, tab, temporaryDirectory } from './flow';

/** Uses the built package, as Node-RED loads it. */
describe('admin endpoints of the default store', () => {
  let nodeRed: NodeRedProcess;
  before(async function () {
    this.timeout(60_000);
    const [store, broker] = session({ port: 1, directory: '', clientid: 'plain', autoConnect: false }) as [
      FlowNode,
      FlowNode,
    ];
    const flows = [tab, { ...store, path: '' }, { ...broker, store: '' }, outNode('out')];
    nodeRed = await startNodeRed(temporaryDirectory(), { flows });
  });
  after(() => nodeRed?.kill());

  it('are found under "default" also when a store node has the same folder', async () => {
    for (const store of ['store', 'default']) {
      await waitFor(
        async () => (await call(nodeRed.url, { path: `/mqtt-sessions/${store}/sessions/plain` })).status === 200,
        { what: `the session by ${store}`, detail: nodeRed.logs },
      );
    }
    const { text } = await call(nodeRed.url, { path: '/mqtt-sessions/stores' });
    assert.deepEqual(
      (JSON.parse(text) as { stores: { id: string }[] }).stores.map(({ id }) => id),
      ['store'],
    );
  });
});
