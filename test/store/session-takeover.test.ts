import * as assert from 'node:assert/strict';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import * as path from 'node:path';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SessionUser, texts } from './session-user';
import { factsOf, machine, temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

describe('a holder that was found dead but lives', () => {
  const directory = temporaryDirectory();

  /**
   * A process of its own to the lock, for which no other one runs. Its name of the path is another one, and not
   * resolved, so that the registry of this process does not connect the two.
   */
  async function processOf(pid: number): Promise<SessionStore> {
    const alias = path.join(directory(), `alias-${pid}`);
    await symlink(path.join(directory(), 'sessions'), alias);
    return openSessionStore({
      path: alias,
      fileSystem: { ...nodeFileSystem },
      holderFacts: factsOf({ ...machine, pid }, { [pid]: machine.processStart }),
    });
  }

  it('reports nothing as stored any more, and changes nothing of its successor', async () => {
    await mkdir(path.join(directory(), 'sessions'));
    const first = new SessionUser(await (await processOf(1)).open('plant', textCodec, undefined));
    await first.append(message('a'));
    const second = new SessionUser(await (await processOf(2)).open('plant', textCodec, undefined));
    await second.append(message('b'));

    await assert.rejects(first.append(message('late')), { code: 'ERR_SESSION_LOST' });
    assert.deepEqual(first.events, ['lost']);
    await assert.rejects(first.checkpoint(1));
    await first.session.close().catch(() => {});

    // All names are of the new epoch, so that no late rename, append or unlink of the former holder can hit one.
    const [name = ''] = await readdir(path.join(directory(), 'sessions'));
    const files = await readdir(path.join(directory(), 'sessions', name));
    assert.deepEqual(
      files.filter((file) => /^1-|\.1\.mcps$/.test(file)),
      [],
      files.join(),
    );

    await second.append(message('c'));
    await second.checkpoint(1);
    await second.append(message('d'));
    await second.session.close();
    const third = new SessionUser(await (await processOf(3)).open('plant', textCodec, undefined));
    assert.deepEqual(texts(third.session.recovered.records), ['d']);
    assert.deepEqual(texts(await third.session.read(0, 1000)), ['a', 'b', 'c', 'd']);
    assert.deepEqual(third.session.recovered.notices, []);
    await third.session.close();
  });
});
