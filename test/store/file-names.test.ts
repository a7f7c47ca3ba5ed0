import * as assert from 'node:assert/strict';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { SessionUser, texts } from './session-user';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

/** `docs/operations.md` tells how much room below the storage path is needed. */
const RELATIVE_PATH_MAX = 160;

/** Client ids whose names would be wrong, dangerous or the same on Windows, if they were names. */
const CLIENT_IDS = [
  ...['CON', 'nul', 'COM1', 'LPT9.txt', 'AUX.', 'prn ', 'name.', 'name ', 'name', 'NAME'],
  ...['a:b', 'a/b', 'a\\b', 'C:\\x', '..', '*?"<>|', 'a\u0001b', 'é', 'e\u0301', '日本', 'x'.repeat(300)],
];

/** Why Windows would not take a name, or would take it for another; undefined for a good one. */
function windowsProblem(name: string): string | undefined {
  if (/[<>:"/\\|?*]/.test(name) || [...name].some((character) => character < ' ')) return 'a forbidden character';
  if (/[. ]$/.test(name)) return 'a dot or space at the end, which is dropped';
  // With an extension, too.
  if (/^(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(\.|$)/i.test(name)) return 'the name of a device';
  if (name.length > 255) return 'too long';
  return undefined;
}

/** The file system of this machine, and every path that it was asked about. */
function recording(): { fileSystem: FileSystem; paths: Set<string> } {
  const paths = new Set<string>();
  const fileSystem = { ...nodeFileSystem } as Record<string, unknown>;
  for (const [name, call] of Object.entries(nodeFileSystem) as [string, (...args: unknown[]) => unknown][]) {
    fileSystem[name] = (...args: unknown[]) => {
      paths.add(String(args[0]));
      if (name === 'rename' || name === 'link') paths.add(String(args[1]));
      return call(...args);
    };
  }
  return { fileSystem: fileSystem as unknown as FileSystem, paths };
}

describe('the names of files', () => {
  const directory = temporaryDirectory();

  it('are told to be wrong for Windows by this test', () => {
    for (const name of ['CON', 'com1.log', 'lpt1', 'a.', 'a ', 'a:b', 'a|b', 'a\\b', 'x'.repeat(256)]) {
      assert.notEqual(windowsProblem(name), undefined, name);
    }
    assert.equal(windowsProblem('console'), undefined);
  });

  it('are good ones on Windows, different without regard to case, short, and below the storage path', async () => {
    const { fileSystem, paths } = recording();
    const storagePath = directory();
    const store = await openSessionStore({ path: storagePath, fileSystem });
    for (const clientId of CLIENT_IDS) {
      for (const opening of [1, 2]) {
        const user = new SessionUser(await store.open(clientId, textCodec, undefined));
        await user.append(message(`${clientId} ${opening}`));
        await user.checkpoint(1);
        await user.session.close();
      }
      await store.generateClientId(clientId);
    }
    // A damaged session, for quarantine, left-overs of a crash, and a deleted session.
    const damaged = path.join(storagePath, sessionDirectoryName('CON'));
    const snapshot = (await readdir(damaged)).find((name) => name.endsWith('.mcps')) ?? '';
    await writeFile(path.join(damaged, snapshot), 'no snapshot');
    await appendFile(path.join(damaged, 'lock.tmp'), '');
    await (await store.open('CON', textCodec, undefined)).close();
    await store.delete('nul');
    await store.close();

    const names = new Map<string, string>();
    const relatives = [...paths].filter((asked) => asked !== path.dirname(storagePath) && asked !== storagePath);
    assert.ok(relatives.length > CLIENT_IDS.length * 4 && relatives.some((asked) => asked.includes('quarantine')));
    for (const asked of relatives) {
      assert.ok(path.isAbsolute(asked), `${asked} depends on the working directory`);
      const relative = path.relative(storagePath, asked);
      assert.ok(relative.length <= RELATIVE_PATH_MAX, `${relative.length}: ${relative}`);
      const components = relative.split(path.sep);
      for (const name of components) assert.equal(windowsProblem(name), undefined, asked);
      const onWindows = path.win32.join('D:\\sessions', ...components);
      assert.ok(onWindows.startsWith('D:\\sessions\\'), asked);
      assert.equal(path.win32.toNamespacedPath(onWindows), `\\\\?\\${onWindows}`);
      const folded = relative.normalize('NFKC').toLowerCase();
      assert.equal(names.get(folded) ?? relative, relative, 'two names that differ in case only');
      names.set(folded, relative);
    }
  });

  for (const [what, folder] of [
    ['UTF-8', 'données/日本/€ 𝄞'],
    ['combining characters', 'donne\u0301es'],
    ['spaces, dots and quotes', ' a. b/it\'s "it"/#?&%20'],
    ['more than 260 characters', Array.from({ length: 5 }, (_unused, index) => `${index}`.repeat(100)).join('/')],
  ] as const) {
    it(`may have ${what} in the storage path`, async () => {
      const storagePath = path.join(directory(), folder);
      const store = await openSessionStore({ path: storagePath });
      const user = new SessionUser(await store.open('a/b', textCodec, undefined));
      await user.append(message('1'), message('2'));
      await user.checkpoint(1);
      await user.append(message('3'));
      await user.session.close();
      assert.deepEqual(
        (await store.list()).map(({ metadata, error }) => [metadata?.clientId, error]),
        [['a/b', undefined]],
      );
      await store.close();
      const next = await openSessionStore({ path: storagePath });
      const session = await next.open('a/b', textCodec, undefined);
      assert.deepEqual(texts(await session.read(0, 1_000)), ['1', '2', '3']);
      await session.close();
      await next.delete('a/b');
      assert.deepEqual(await next.list(), []);
      await next.close();
    });
  }

  it('that are longer than the system takes are ERR_STORE_PATH', async () => {
    const storagePath = path.join(directory(), 'x'.repeat(300));
    await assert.rejects(openSessionStore({ path: storagePath }), { code: 'ERR_STORE_PATH', message: /ENAMETOOLONG/ });
  });
});
