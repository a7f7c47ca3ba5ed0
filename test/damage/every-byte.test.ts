import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { recording } from '../security/recording';
import type { MemoryDisk } from '../support/memory-disk';
import { type Allowance, judge, NOTHING } from './judge';
import { type Content, clientIdsOn, open } from './opened';
import { diskOf, type Files, filesOf, type Kind, kindOf, makeStorage, OTHER_SESSION, STORAGE_PATH } from './storage';

/** Two ways to damage a byte: one bit of it, another one in each byte, and all of them. */
const PATTERNS = [(offset: number) => 1 << (offset % 8), () => 0xff];

/** What a damage in one place of a file may cost. */
const ALLOWED: Record<Kind, Partial<Allowance>> = {
  // Messages that had left the queue are in the journal, so only the migrated one goes with the snapshot.
  snapshot: { messages: 1, protocol: true },
  segment: { messages: 1, protocol: true },
  'dead letters': { deadLetters: 1 },
  'client ids': {},
  reserve: {},
  original: {},
  other: {},
};

describe('a small storage path', () => {
  let files: Files;
  let intact: Content;
  /** Of damages, by kind of file. */
  const counts: Record<string, number> = {};

  before(async () => {
    files = await makeStorage();
    const { content, notices } = await open(await diskOf(files));
    assert.ok(content);
    assert.deepEqual(notices, []);
    assert.equal(content.messages.size, 9);
    intact = content;
  });

  async function damaged(name: string, change: (bytes: Buffer) => Buffer, allowed: Partial<Allowance>, what: string) {
    const changed = change(Buffer.from(files.get(name) ?? ''));
    const disk = await diskOf(new Map([...files, [name, changed]]));
    const where = `${name} ${what}`;
    const opened = await open(disk).catch((cause: unknown) => {
      throw new Error(where, { cause });
    });
    counts[kindOf(name)] = (counts[kindOf(name)] ?? 0) + 1;
    const loss = judge(where, intact, opened, { ...NOTHING, ...allowed });
    assertOthersUntouched(disk, where);
    return { loss, opened, disk };
  }

  function assertOthersUntouched(disk: MemoryDisk, where: string): void {
    for (const [name, content] of files) {
      if (!name.startsWith(`${OTHER_SESSION}/`)) continue;
      assert.ok(disk.contents(path.join(STORAGE_PATH, name)).equals(content), `${where}: ${name} was changed`);
    }
  }

  for (const kind of ['snapshot', 'segment', 'dead letters'] as const) {
    it(`with any byte of its ${kind} changed keeps all else, and tells what it lost`, async function () {
      this.timeout(120_000);
      let lossy = 0;
      for (const name of filesOf(files, kind)) {
        for (let offset = 0; offset < (files.get(name)?.length ?? 0); offset++) {
          for (const pattern of PATTERNS) {
            const flip = (bytes: Buffer) => {
              bytes[offset] = (bytes[offset] ?? 0) ^ pattern(offset);
              return bytes;
            };
            const { loss } = await damaged(name, flip, ALLOWED[kind], `byte ${offset}`);
            if (loss && (loss.messages > 0 || loss.deadLetters > 0 || loss.protocol)) lossy++;
          }
        }
      }
      assert.ok(lossy > 50, `${lossy} lossy`);
    });

    it(`with its ${kind} cut short anywhere keeps all else, and tells what it lost`, async function () {
      this.timeout(120_000);
      const all = { ...ALLOWED[kind], messages: intact.messages.size, deadLetters: intact.deadLetters.size };
      for (const name of filesOf(files, kind)) {
        for (let length = 0; length < (files.get(name)?.length ?? 0); length++) {
          await damaged(name, (bytes) => bytes.subarray(0, length), all, `cut to ${length}`);
        }
      }
    });
  }

  it('with its client ids changed or cut anywhere gives those that there were, or none', async function () {
    this.timeout(60_000);
    const name = 'client-ids.json';
    const content = files.get(name) ?? Buffer.alloc(0);
    const damages = [...content.keys()].flatMap((offset) => [
      ...PATTERNS.map((pattern) => {
        const bytes = Buffer.from(content);
        bytes[offset] = (bytes[offset] ?? 0) ^ pattern(offset);
        return bytes;
      }),
      content.subarray(0, offset),
    ]);
    let refused = 0;
    for (const bytes of damages) {
      const found = await clientIdsOn(await diskOf(new Map([[name, bytes]])));
      if (found === 'ERR_CLIENT_ID_FILE') refused++;
      else assert.equal(found, intact.clientIds, bytes.toString('latin1'));
    }
    counts[name] = damages.length;
    assert.ok(refused > content.length * 2, `${refused} refused`);
  });

  it('has files of which no byte is read: the reserve, and the original that was migrated', async () => {
    const { fileSystem, calls } = recording(await diskOf(files));
    await open(fileSystem);
    const opened = calls.flatMap(({ operation, path: file }) => (operation === 'open' ? path.basename(file) : []));
    assert.ok(opened.includes('failed.mcpj') && !opened.includes('original.mcps'));
    for (const name of filesOf(files, 'reserve')) await damaged(name, () => Buffer.alloc(0), {}, 'emptied');
  });

  it('goes on after a damage: nothing more is lost the next time', async function () {
    this.timeout(60_000);
    for (const name of filesOf(files, 'snapshot', 'segment', 'dead letters')) {
      for (let offset = 3; offset < (files.get(name)?.length ?? 0); offset += 29) {
        const flip = (bytes: Buffer) => bytes.fill((bytes[offset] ?? 0) ^ 0xff, offset, offset + 1);
        const { opened, disk } = await damaged(name, flip, ALLOWED[kindOf(name)], `byte ${offset}`);
        const again = await open(disk);
        assert.ok(opened.content && again.content);
        const where = `${name} byte ${offset}, second time: ${JSON.stringify(again.notices)}`;
        assert.deepEqual(again.content, opened.content, where);
        // Until a snapshot includes what is left, it is told again.
        const errors = (notices: typeof again.notices) => notices.filter(({ level }) => level === 'error').length;
        assert.ok(errors(again.notices) <= errors(opened.notices), where);
      }
    }
  });

  after(() => console.log(`        opened: ${JSON.stringify(counts)}`));
});
