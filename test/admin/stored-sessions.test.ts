import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { AdminContext } from '../../src/admin/context';
import { purgeMessages } from '../../src/admin/messages';
import { exportSession, importSession } from '../../src/admin/transfers';
import { errorCode } from '../../src/errors';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { temporaryDirectory } from '../store/support';
import { storeQueue } from './storage-fixture';

describe('actions on sessions that no broker node uses', () => {
  const directory = temporaryDirectory();
  const storage = () => path.join(directory(), 'sessions');
  let store: SessionStore;
  beforeEach(async () => {
    await storeQueue(storage(), 'plant', 5);
    store = await openSessionStore({ path: storage() });
  });
  afterEach(() => store.close());

  function contextOf(used: SessionStore): AdminContext {
    return {
      store: used,
      live: () => undefined,
      assigned: async () => new Set<string>(),
      maxBytes: 1024 ** 3,
      keepFailedDays: 30,
    };
  }

  async function exported(clientId: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    await exportSession(contextOf(store), clientId, { format: 'jsonl' }, async (part) => {
      parts.push(Buffer.from(part));
    });
    return Buffer.concat(parts);
  }

  async function* inParts(file: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < file.length; at += 100) yield file.subarray(at, at + 100);
  }

  const replace = (file: Buffer) => importSession(contextOf(store), inParts(file), { replace: true });
  const messages = async () => (await exported('plant')).toString('utf8').match(/"type":"message"/g)?.length;

  it('make no session where one was deleted a moment before', async () => {
    // Between the look and the opening.
    const racing = new Proxy(store, {
      get(target, name: keyof SessionStore) {
        if (name !== 'exists') return typeof target[name] === 'function' ? target[name].bind(target) : target[name];
        return async (clientId: string) => {
          const existed = await target.exists(clientId);
          await target.delete(clientId);
          return existed;
        };
      },
    });
    await assert.rejects(purgeMessages(contextOf(racing), 'plant'), (error) => {
      return errorCode(error) === 'ERR_SESSION_UNKNOWN';
    });
    assert.equal(await store.exists('plant'), false);
  });

  it('replace a session only by a file that is whole', async () => {
    const file = await exported('plant');
    const lines = file.toString('utf8').trimEnd().split('\n');
    const damaged: [string, Buffer, RegExp][] = [
      ['cut in a line', file.subarray(0, -40), /not JSON/],
      ['cut between lines', Buffer.from(`${lines.slice(0, -1).join('\n')}\n`), /not complete.*Nothing was imported/],
      ['with a wrong topic', Buffer.from(file.toString('utf8').replace('"queue"', '"a/#"')), /a\/#/],
      ['no export', Buffer.from('{"a":1}\n'), /Line 1/],
      ['a cut session file', Buffer.from('SPCM\x01\0'), /MCPS.*Nothing was imported/],
    ];
    for (const [what, bytes, text] of damaged) {
      await assert.rejects(replace(bytes), text, what);
      assert.equal(await messages(), 5, what);
    }
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield file.subarray(0, file.length - 100);
      throw new Error('the connection broke');
    };
    await assert.rejects(importSession(contextOf(store), broken(), { replace: true }), /the connection broke/);
    assert.equal(await messages(), 5);
    assert.deepEqual(
      fs.readdirSync(storage()).filter((name) => name.startsWith('import-')),
      [],
    );

    const less = [lines[0], lines[1], (lines.at(-1) ?? '').replace('"messages":5', '"messages":1')].join('\n');
    const { messages: imported } = await replace(Buffer.from(less));
    assert.equal(imported, 1);
    assert.equal(await messages(), 1);
  });
});
