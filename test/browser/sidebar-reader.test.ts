import assert from 'node:assert/strict';
import { storeDeadLetters, storeQueue } from '../admin/storage-fixture';
import { outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';

describe('the sidebar of a user who may only read', function () {
  this.timeout(60_000);
  let broker: Mosquitto;
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  before(async () => {
    broker = await Mosquitto.start();
    const directory = temporaryDirectory();
    await storeQueue(directory, 'orphan', 2);
    await storeDeadLetters(directory, 'given-up', 2);
    nodeRed = await startNodeRed(temporaryDirectory(), {
      flows: [tab, ...session({ port: broker.port, directory, clientid: 'guarded' }), outNode('out')],
      settings: { adminAuth: { type: 'credentials', users: [], default: { permissions: 'read' } } },
    });
    editor = await openEditor(nodeRed.url);
  });
  after(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await broker?.remove();
  });

  it('has no buttons that fail, and shows no payloads', async () => {
    const sidebar = new Sidebar(editor);
    await sidebar.show();
    await sidebar.says('orphan', /2 queued/);
    await sidebar.says('guarded', /Connected/);
    assert.equal(await editor.page.getByRole('button', { name: 'Import' }).count(), 0);
    for (const [clientId, facts] of [
      ['orphan', /Queued\n2\n/],
      ['given-up', /Dead letters\n2 \(/],
    ] as const) {
      await sidebar.open(clientId);
      await sidebar.detailsSay(facts);
      assert.deepEqual(await sidebar.actions(), []);
      assert.equal(await sidebar.section('messages').isVisible(), false);
      assert.equal(await sidebar.section('failed').isVisible(), false);
      await sidebar.openSection('subscriptions');
      await sidebar.detailsSay(/No subscriptions/);
      await sidebar.back();
    }
    assert.deepEqual(editor.takeErrors(), []);
  });
});
