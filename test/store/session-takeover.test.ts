import * as assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import * as path from 'node:path';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { SessionUser, texts } from './session-user';
import { factsOf, machine, temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

describe('a holder that was found dead but lives', () => {
  const directory = temporaryDirectory();

  /** A second process, seen through another name of the path so that the registry of this process stays out of it. */
  const store = (pid: number): Promise<SessionStore> =>
    openSessionStore({
      path: pid === 1 ? directory() : path.join(directory(), '../', path.basename(directory()), '.', `x/..`),
      fileSystem: { ...nodeFileSystem },
      holderFacts: factsOf({ ...machine, pid }),
      closeWaitMs: 0,
    });

  it('reports nothing as stored any more, and changes nothing of its successor', async () => {
    const first = new SessionUser(await (await store(1)).open('plant', textCodec, undefined));
    await first.append(message('a'));
    const second = new SessionUser(await (await otherProcess()).open('plant', textCodec, undefined));
    await second.append(message('b'));

    await assert.rejects(first.append(message('late')), { code: 'ERR_SESSION_LOST' });
    assert.deepEqual(first.events, ['lost']);
    await assert.rejects(first.checkpoint(1), { code: 'ERR_SESSION_LOST' });
    await first.session.close().catch(() => {});

    await second.append(message('c'));
    await second.checkpoint(1);
    await second.session.close();
    const third = await (await store(3)).open('plant', textCodec, undefined);
    assert.deepEqual(texts(await third.read(0, 1000).catch(() => [])), []);
    await third.close();
    assert.ok((await readdir(path.join(directory(), sessionDirectoryName('plant')))).length > 0);
  });
});
