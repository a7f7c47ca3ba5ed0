import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { root } from '../architecture/sources';
import { waitFor } from '../support/wait';
import { withEditor } from './with-editor';

/** A node on the workspace; x and y are its centre. */
interface ShownNode {
  type: string;
  name: string;
  x: number;
  y: number;
  w: number;
  h: number;
  problems: string[];
}
interface ShownGroup {
  name: string;
  x: number;
  y: number;
  w: number;
  h: number;
}

/** What the tests use of the editor. */
declare const RED: {
  workspaces: { show(id: string): void };
  nodes: {
    workspace(id: string): { info: string };
    eachWorkspace(visit: (tab: { id: string }) => void): void;
    eachNode(visit: (node: ShownNode & { z: string; validationErrors?: string[] }) => void): void;
    groups(tab: string): ShownGroup[];
  };
};

const TAB = '#red-ui-clipboard-dialog-import-tab-examples';
/** Room that the button of an Inject or Debug node takes beside it. */
const BUTTON_WIDTH = 25;

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function boxOf({ type, x, y, w, h }: ShownNode): Box {
  return {
    left: x - w / 2 - (type === 'inject' ? BUTTON_WIDTH : 0),
    right: x + w / 2 + (type === 'debug' ? BUTTON_WIDTH : 0),
    top: y - h / 2,
    bottom: y + h / 2,
  };
}

const overlap = (one: Box, other: Box) =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;

describe('the examples in the menu of the editor', function () {
  this.timeout(60_000);
  const editor = withEditor([{ id: 'tab', type: 'tab', label: 'Flow' }]);
  const names = fs.readdirSync(path.join(root, 'examples')).map((file) => path.basename(file, '.json'));

  const entry = (text: string) =>
    editor.page.locator(`${TAB} .red-ui-treeList-label`, { hasText: new RegExp(`^${text}$`) });

  /** Menu, Import, Examples, and the folder of this package. */
  async function openExamples(): Promise<void> {
    const { page } = editor;
    await page.click('#red-ui-header-button-sidemenu');
    await page.click('#menu-item-import');
    await page.click(`[href="${TAB}"]`);
    await entry('@mqtt-sessions/node-red').click();
    await entry(names[0]!).waitFor();
  }

  it('lists all five', async () => {
    await openExamples();
    assert.equal(names.length, 5);
    for (const name of names) assert.equal(await entry(name).count(), 1, name);
    await editor.page.click('#red-ui-clipboard-dialog-cancel');
    await entry(names[0]!).waitFor({ state: 'hidden' });
  });

  for (const name of names) {
    it(`imports ${name}: every node is valid, none covers another, and the flow explains itself`, async () => {
      const { page } = editor;
      const tabs = () =>
        page.evaluate(() => {
          const ids: string[] = [];
          RED.nodes.eachWorkspace(({ id }) => void ids.push(id));
          return ids;
        });
      const before = await tabs();
      await openExamples();
      await entry(name).click();
      await page.click('#red-ui-clipboard-dialog-ok');
      const added = async () => (await tabs()).find((id) => !before.includes(id));
      const imported = await waitFor(added, { what: 'a new tab' });
      await page.evaluate((id) => RED.workspaces.show(id), imported);
      const shown = () =>
        page.evaluate((tab) => {
          const nodes: ShownNode[] = [];
          RED.nodes.eachNode(({ z, type, name, x, y, w, h, validationErrors = [] }) => {
            if (z === tab) nodes.push({ type, name, x, y, w, h, problems: validationErrors });
          });
          const groups = RED.nodes.groups(tab).map(({ name, x, y, w, h }) => ({ name, x, y, w, h }));
          return { nodes, groups, info: RED.nodes.workspace(tab).info };
        }, imported);
      // A node has its width when it was drawn.
      const isDrawn = async () => (await shown()).nodes.every(({ w }) => w > 0);
      await waitFor(isDrawn, { what: 'all nodes drawn' });
      const { nodes, groups, info } = await shown();

      assert.deepEqual(
        nodes.filter(({ problems }) => problems.length > 0),
        [],
      );
      const covered = nodes.flatMap((one, index) =>
        nodes
          .slice(index + 1)
          .filter((other) => overlap(boxOf(one), boxOf(other)))
          .map((other) => [one, other]),
      );
      assert.deepEqual(covered, []);
      const boxes = groups.map(({ x, y, w, h }) => ({ left: x, right: x + w, top: y, bottom: y + h }));
      assert.ok(boxes.every((one, index) => !boxes.slice(index + 1).some((other) => overlap(one, other))));
      assert.ok(info.length > 100, 'the description of the flow');
      assert.ok(nodes.some(({ type }) => type === 'comment'));
    });
  }
});
