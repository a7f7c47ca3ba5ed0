import * as assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { Quarantine } from '../../src/store/quarantine';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { SessionUser, texts } from './session-user';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

describe('quarantine', () => {
  const directory = temporaryDirectory();

  it('keeps one copy of a file with all that is wrong with it', async () => {
    const file = path.join(directory(), '1-00000001.mcpj');
    await writeFile(file, 'damaged');
    const quarantine = new Quarantine(nodeFileSystem, directory(), 'plant', () => 0);
    await quarantine.copy(file, 'here');
    await quarantine.copy(file, 'and there');
    const kept = path.join(directory(), 'quarantine', 'plant-19700101T000000Z');
    assert.deepEqual((await readdir(kept)).sort(), ['1-00000001.mcpj', 'reason-1.txt', 'reason-2.txt']);
    assert.match(await readFile(path.join(kept, 'reason-2.txt'), 'utf8'), /and there/);
  });

  it('takes a foreign file that has the name of its own notes', async () => {
    const store = await openSessionStore({ path: directory() });
    await (await store.open('plant', textCodec, undefined)).close();
    const session = path.join(directory(), sessionDirectoryName('plant'));
    await writeFile(path.join(session, 'reason-1.txt'), 'mine');
    assert.equal(await store.delete('plant'), true);
    const [kept] = await readdir(path.join(directory(), 'quarantine'));
    assert.ok(kept);
    assert.equal(await readFile(path.join(directory(), 'quarantine', kept, 'reason-1.txt'), 'utf8'), 'mine');
  });

  it('that cannot be made does not keep the rest of a session closed, and the damaged snapshot stays', async () => {
    const first = await openSessionStore({ path: directory() });
    const user = new SessionUser(await first.open('plant', textCodec, undefined));
    await user.append(message('a'));
    await user.session.close();
    const session = path.join(directory(), sessionDirectoryName('plant'));
    const snapshot = path.join(session, 'session.1.mcps');
    const bytes = await readFile(snapshot);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await writeFile(snapshot, bytes);

    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      async makeDirectory(target) {
        if (target.includes('quarantine')) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
        await nodeFileSystem.makeDirectory(target);
      },
    };
    const store = await openSessionStore({ path: directory(), fileSystem });
    const opened = await store.open('plant', textCodec, undefined);
    assert.deepEqual(texts(opened.recovered.records), ['a']);
    assert.match(opened.recovered.notices.map(({ text }) => text).join(), /could not be moved to quarantine.*ENOSPC/);
    assert.deepEqual(await readFile(snapshot), bytes);
    await opened.close();
  });
});

describe('names like those of deleted sessions', () => {
  const directory = temporaryDirectory();

  it('that are foreign are left alone, and do not keep the store closed', async () => {
    await writeFile(path.join(directory(), '.deleted-00000000-notes'), 'mine');
    await writeFile(path.join(directory(), `.deleted-00000000-${sessionDirectoryName('plant')}`), 'mine');
    await mkdir(path.join(directory(), '.deleted-00000000-photos'));
    await writeFile(path.join(directory(), '.deleted-00000000-photos', 'reserve'), 'mine');
    await openSessionStore({ path: directory() });
    assert.equal((await readdir(directory())).length, 3);
    assert.deepEqual(await readdir(path.join(directory(), '.deleted-00000000-photos')), ['reserve']);
  });
});
