import * as assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { openSessionStore } from '../../src/store/session-store';
import { textCodec } from './text-codec';

describe('a session whose holder went down with the machine', () => {
  let path: string;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'lost-records-'));
  });

  afterEach(() => rm(path, { recursive: true, force: true }));

  /** Opens, closes, and leaves the lock of a holder as if it had died; then opens again. */
  async function reopened(durability: 'always' | 'interval' | 'os', bootId: string | undefined): Promise<boolean> {
    const store = await openSessionStore({ path, durability });
    await (await store.open('plant', textCodec, undefined)).close();
    if (bootId !== undefined) {
      const [summary] = await store.list();
      const self = await systemHolderFacts.self();
      const holder = { ...self, bootId, pid: 2 ** 22 - 1, nonce: 'ab'.repeat(16), beats: false, beat: 0 };
      await writeFile(join(summary?.directory ?? '', 'lock'), JSON.stringify(holder));
    }
    const session = await store.open('plant', textCodec, undefined);
    await session.close();
    await store.close();
    return session.recovered.mayHaveLostRecords;
  }

  for (const durability of ['interval', 'os'] as const) {
    it(`may have lost records with durability ${durability}`, async () => {
      assert.equal(await reopened(durability, 'another boot'), true);
    });

    it(`has lost none with durability ${durability} when only the process was killed, or closed the session`, async () => {
      assert.equal(await reopened(durability, (await systemHolderFacts.self()).bootId), false);
      assert.equal(await reopened(durability, undefined), false);
    });
  }

  it('has lost none with durability always', async () => {
    assert.equal(await reopened('always', 'another boot'), false);
  });
});
