import * as assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { ClientIds } from '../../src/store/client-ids';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { systemScheduler } from '../../src/store/scheduler';
import { temporaryDirectory } from './support';

describe('generated client ids', () => {
  const directory = temporaryDirectory();
  const file = () => path.join(directory(), 'client-ids.json');
  const create = (storagePath = directory()) =>
    new ClientIds(nodeFileSystem, systemScheduler, systemHolderFacts, storagePath);

  it('are made once per node and survive a restart', async () => {
    const first = await create().generate('node-1');
    assert.match(first, /^[0-9a-zA-Z]{1,23}$/);
    const restarted = create();
    assert.equal(await restarted.generate('node-1'), first);
    assert.notEqual(await restarted.generate('node-2'), first);
  });

  it('differ between storage paths', async () => {
    await nodeFileSystem.makeDirectory(path.join(directory(), 'other'));
    assert.notEqual(await create().generate('node'), await create(path.join(directory(), 'other')).generate('node'));
  });

  it('do not get lost when many are made at once, by several users of the path', async () => {
    const users = [create(), create(), create()];
    const nodes = Array.from({ length: 12 }, (_, i) => `node-${i}`);
    const made = await Promise.all(nodes.map((node, i) => users[i % users.length]!.generate(node)));
    const again = await Promise.all(nodes.map((node) => create().generate(node)));
    assert.deepEqual(again, made);
    assert.equal(new Set(made).size, nodes.length);
    assert.deepEqual(await readdir(directory()), ['client-ids.json']);
    if (process.platform !== 'win32') assert.equal((await stat(file())).mode & 0o777, 0o600);
  });

  it('take any node id as a name', async () => {
    const clientId = await create().generate('__proto__');
    assert.equal(await create().generate('__proto__'), clientId);
  });

  for (const content of ['', '{"node-1": ', '{"node-1": 5}', 'null']) {
    it(`are not made anew when the file holds ${JSON.stringify(content)}`, async () => {
      await writeFile(file(), content);
      const ids = create();
      await assert.rejects(ids.generate('node-1'), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_CLIENT_ID_FILE');
        assert.ok(error.message.includes(file()));
        return true;
      });
      assert.equal(await readFile(file(), 'utf8'), content);
      await writeFile(file(), '{"node-1": "repaired"}');
      assert.equal(await ids.generate('node-1'), 'repaired');
    });
  }
});
