import * as assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { parseSegmentName, segmentName } from '../../src/store/journal/format';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { type Allowance, judge, NOTHING } from './judge';
import { type Content, type Opened, open } from './opened';
import { diskOf, type Files, filesOf, kindOf, makeStorage, OTHER_SESSION, SESSION, STORAGE_PATH } from './storage';

/** Whatever may go with whole files, as long as it is told. */
const ANYTHING: Allowance = {
  messages: Number.POSITIVE_INFINITY,
  deadLetters: Number.POSITIVE_INFINITY,
  protocol: true,
  refusals: [],
  clientIds: false,
};

describe('files of a small storage path that are not what they should be', () => {
  let files: Files;
  /** As `files`, made at another time: the same client ids, another session. */
  let others: Files;
  let intact: Content;
  let names: string[];

  before(async () => {
    [files, others] = [await makeStorage(), await makeStorage()];
    const { content } = await open(await diskOf(files));
    assert.ok(content);
    intact = content;
    names = filesOf(files, 'snapshot', 'segment', 'dead letters', 'reserve', 'original');
  });

  async function withFiles(
    where: string,
    change: (files: Map<string, Buffer>) => void,
    allowed: Partial<Allowance> = ANYTHING,
  ): Promise<Opened> {
    const changed = new Map(files);
    change(changed);
    const disk = await diskOf(changed);
    const opened = await open(disk);
    judge(where, intact, opened, { ...NOTHING, ...allowed });
    for (const [name, content] of files) {
      if (!name.startsWith(`${OTHER_SESSION}/`)) continue;
      assert.ok(disk.contents(path.join(STORAGE_PATH, name)).equals(content), `${where}: ${name} was changed`);
    }
    return opened;
  }

  it("two with each other's name: every pair", async () => {
    let pairs = 0;
    for (const one of names) {
      for (const other of names) {
        if (one >= other) continue;
        pairs++;
        const bothSegments = kindOf(one) === 'segment' && kindOf(other) === 'segment';
        const swap = (all: Map<string, Buffer>) => {
          all.set(one, files.get(other) ?? Buffer.alloc(0)).set(other, files.get(one) ?? Buffer.alloc(0));
        };
        // The headers of segments say which they are.
        await withFiles(`${one} and ${other} swapped`, swap, bothSegments ? NOTHING : ANYTHING);
      }
    }
    assert.equal(pairs, 21);
  });

  it('one under the name of another: every pair', async () => {
    for (const one of names) {
      for (const other of names) {
        if (one === other) continue;
        await withFiles(`${other} in the place of ${one}`, (all) => all.set(one, files.get(other) ?? Buffer.alloc(0)));
      }
    }
  });

  it('missing: each alone', async () => {
    for (const name of names) {
      const isOfNoUse = ['reserve', 'original'].includes(kindOf(name));
      await withFiles(`${name} missing`, (all) => all.delete(name), isOfNoUse ? NOTHING : ANYTHING);
    }
  });

  it('doubled under another name that is possible', async () => {
    for (const name of names) {
      const content = files.get(name) ?? Buffer.alloc(0);
      const base = path.basename(name);
      const segment = parseSegmentName(base);
      const doubles: string[] = [];
      if (segment !== undefined) {
        for (const epoch of [segment.epoch - 1, segment.epoch + 1, 999])
          doubles.push(segmentName(epoch, segment.number));
        for (const number of [segment.number + 1, 7]) doubles.push(segmentName(segment.epoch, number));
      } else if (kindOf(name) === 'snapshot') {
        doubles.push('session.1.mcps', 'session.9.mcps', 'session.999999.mcps', 'session.3.mcps.0a1b2c3d.tmp');
      } else {
        doubles.push(`${base}.0a1b2c3d.tmp`, `${base}-2`, 'original-2.mcps');
      }
      for (const double of doubles) {
        if (files.has(`${SESSION}/${double}`)) continue;
        const opened = await withFiles(`${base} also as ${double}`, (all) => all.set(`${SESSION}/${double}`, content));
        assert.deepEqual(opened.content, intact, `${base} also as ${double}: ${JSON.stringify(opened.notices)}`);
      }
    }
  });

  it('of another session with the same client id', async () => {
    for (const name of names) {
      const foreign = [...others].find(([other]) => other === name)?.[1];
      assert.ok(foreign, name);
      // A snapshot speaks for its session, so one of another makes all else foreign: that is told, and all of it is kept.
      await withFiles(`${name} of another session`, (all) => all.set(name, foreign));
    }
  });

  it('of the session of another client', async () => {
    for (const name of names) {
      const same = kindOf(name) === 'segment' ? '1-00000001.mcpj' : 'session.1.mcps';
      const foreign = files.get(`${OTHER_SESSION}/${same}`);
      assert.ok(foreign);
      await withFiles(`${name} of another client`, (all) => all.set(name, foreign));
    }
  });

  it('of a newer version are refused as a whole, and left as they are', async () => {
    const versionAt = { snapshot: 4, segment: 4, 'dead letters': 4 } as const;
    for (const name of filesOf(files, 'snapshot', 'segment', 'dead letters')) {
      const kind = kindOf(name) as keyof typeof versionAt;
      const bytes = Buffer.from(files.get(name) ?? '');
      bytes.writeUInt16LE(99, versionAt[kind]);
      const headerEnd = kind === 'snapshot' ? 28 + bytes.readUInt16LE(26) : 60;
      bytes.writeUInt32LE(crc32(bytes.subarray(0, headerEnd)), headerEnd);
      const changed = new Map([...files, [name, bytes] as const]);
      const disk = await diskOf(changed);
      const opened = await open(disk);
      assert.ok(
        opened.refusedWith === 'ERR_SESSION_VERSION',
        `${name}: ${opened.refusedWith} ${JSON.stringify(opened.notices)}`,
      );
      assert.ok(disk.contents(path.join(STORAGE_PATH, name)).equals(bytes) || kind === 'dead letters');
      assert.deepEqual(opened.quarantined, []);
    }
  });

  it('with something behind their end', async () => {
    for (const name of names) {
      for (const tail of [Buffer.alloc(100), randomBytes(1), randomBytes(5000), files.get(name) ?? Buffer.alloc(0)]) {
        const allowed = kindOf(name) === 'snapshot' ? ANYTHING : NOTHING;
        const longer = (all: Map<string, Buffer>) =>
          all.set(name, Buffer.concat([files.get(name) ?? Buffer.alloc(0), tail]));
        await withFiles(`${name} with ${tail.length} bytes more`, longer, allowed);
      }
    }
  });

  it('that are foreign are left alone', async () => {
    for (const foreign of ['notes.txt', 'session.mcps', '3-1.mcpj', '03-00000001.mcpj', '.DS_Store', 'x'.repeat(200)]) {
      const opened = await withFiles(
        `with ${foreign}`,
        (all) => all.set(`${SESSION}/${foreign}`, Buffer.from('foreign')).set(foreign, Buffer.from('foreign')),
        NOTHING,
      );
      assert.deepEqual([opened.notices, opened.content], [[], intact], foreign);
    }
  });

  describe('on a real file system', () => {
    let directory = '';
    beforeEach(() => {
      directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-damage-'));
      for (const [name, content] of files) {
        fs.mkdirSync(path.dirname(path.join(directory, 'store', name)), { recursive: true });
        fs.writeFileSync(path.join(directory, 'store', name), content);
      }
    });
    afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

    for (const what of ['a directory', 'a symbolic link', 'a symbolic link to itself', 'a named pipe'] as const) {
      it(`${what} in the place of each file: refused with a code, or reported; nothing outside is touched`, async function () {
        if (process.platform === 'win32') this.skip();
        this.timeout(60_000);
        const storagePath = path.join(directory, 'store');
        const outside = path.join(directory, 'outside');
        for (const name of [...names, 'client-ids.json']) {
          const file = path.join(storagePath, name);
          const original = fs.readFileSync(file);
          fs.rmSync(file);
          // As good as the original, if it were followed.
          fs.writeFileSync(outside, original);
          if (what === 'a directory') fs.mkdirSync(file);
          else if (what === 'a named pipe') makePipe(file);
          else fs.symlinkSync(what === 'a symbolic link' ? outside : file, file);
          const copy = path.join(directory, 'copy');
          const opened = await open(nodeFileSystem, storagePath);
          const isRefused = opened.refusedWith !== undefined || opened.clientIdsRefusedWith !== undefined;
          const isReported = opened.notices.some(({ level }) => level !== 'info');
          const isOfNoUse = ['reserve', 'original'].includes(kindOf(name));
          assert.ok(isRefused || isReported || isOfNoUse, `${name}: ${JSON.stringify(opened)}`);
          if (opened.refusedWith !== undefined) assert.match(opened.refusedWith, /^ERR_STORE_PATH$|^E[A-Z]+$/, name);
          assert.deepEqual(fs.readFileSync(outside), original, name);
          assert.equal(fs.existsSync(copy), false);
          fs.rmSync(storagePath, { recursive: true });
          for (const [one, content] of files) {
            fs.mkdirSync(path.dirname(path.join(storagePath, one)), { recursive: true });
            fs.writeFileSync(path.join(storagePath, one), content);
          }
        }
      });
    }
  });
});

function makePipe(file: string): void {
  const { execFileSync } = require('node:child_process') as typeof import('node:child_process');
  execFileSync('mkfifo', [file]);
}
