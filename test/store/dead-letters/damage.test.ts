import * as assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { DeadLetterKey } from '../../../src/store/dead-letters/format';
import { MemoryDisk } from '../../support/memory-disk';
import { DIRECTORY, FAILED, idsOf, keep, listed, openPlant, PATH } from './support';

const texts = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(20));

async function prepared(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { session } = await openPlant(disk);
  for (const text of texts.slice(0, 3)) await keep(session, text);
  await keep(session, ...texts.slice(3), 'removed');
  await session.deadLetters.remove(await idsOf(session, 'removed'));
  await session.close();
  return disk;
}

async function quarantined(disk: MemoryDisk): Promise<Buffer[]> {
  const files: Buffer[] = [];
  for (const folder of await disk.list(`${PATH}/quarantine`).catch(() => [])) {
    const names = await disk.list(`${PATH}/quarantine/${folder}`);
    if (names.includes('failed.mcpj')) files.push(disk.contents(`${PATH}/quarantine/${folder}/failed.mcpj`));
  }
  return files;
}

describe('a damaged file of dead letters', function () {
  this.timeout(30_000);

  it('costs at most the entry that is hit, is reported and kept, whichever byte it is', async () => {
    const origin = await prepared();
    const { length } = origin.contents(FAILED);
    for (let position = 0; position < length; position++) {
      const disk = origin.clone(1);
      const bytes = disk.contents(FAILED);
      bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << (position % 8)), position);
      const damaged = Buffer.from(bytes);
      const { session, notices } = await openPlant(disk);
      const found = (await listed(session)).filter((text) => text !== 'removed');
      const situation = `byte ${position}`;
      assert.ok(found.length >= texts.length - 1, `${situation}: ${found}`);
      assert.deepEqual(
        found,
        texts.filter((text) => found.includes(text)),
        situation,
      );
      assert.ok(
        notices.some(({ level, text }) => level === 'error' && text.includes(FAILED)),
        situation,
      );
      assert.deepEqual(await quarantined(disk), [damaged], situation);
      await keep(session, 'later');
      await session.close();
      const again = await openPlant(disk);
      const last = (await listed(again.session)).filter((text) => text !== 'removed');
      assert.deepEqual(last, [...found, 'later'], situation);
      assert.deepEqual(again.notices, [], situation);
      await again.session.close();
    }
  });

  it('is told of once: what is no entry is gone when it was read', async () => {
    for (const kind of ['a killed process', 'damage'] as const) {
      const disk = new MemoryDisk();
      const first = await openPlant(disk);
      await keep(first.session, 'a', 'b');
      await keep(first.session, 'c');
      if (kind === 'damage') await first.session.close();
      const whole = disk.contents(FAILED);
      disk.place(FAILED, Buffer.from(whole.subarray(0, whole.length - 1)));
      const pid = 200;
      const second = await openPlant(disk, { pid });
      assert.deepEqual(await listed(second.session), ['a', 'b'], kind);
      const [told, ...others] = second.notices.filter(({ text }) => text.includes(FAILED));
      assert.equal(told?.level, kind === 'damage' ? 'error' : 'info');
      assert.deepEqual(others, []);
      await second.session.close();
      const third = await openPlant(disk, { pid });
      assert.deepEqual(await listed(third.session), ['a', 'b'], kind);
      assert.deepEqual(third.notices, [], kind);
      assert.equal((await quarantined(disk)).length, kind === 'damage' ? 1 : 0);
      await third.session.close();
    }
  });

  it('that was made to look like many long records is read a bounded number of times', async () => {
    const disk = new MemoryDisk();
    const { session: first } = await openPlant(disk);
    await keep(first, 'a');
    const key = new DeadLetterKey(Buffer.from(first.recovered.uid, 'hex'));
    await first.close();
    const size = 3 * 1024 * 1024;
    const start = disk.contents(FAILED);
    const bytes = Buffer.alloc(size);
    start.copy(bytes);
    for (let at = start.length; at + 13 < size; at += 13) {
      bytes.writeUInt32LE(key.magic, at);
      bytes.writeUInt32LE(size - at, at + 4);
    }
    disk.place(FAILED, bytes);
    let reads = 0;
    disk.onCall = (_, operation, file) => {
      if (operation === 'read' && file === FAILED) reads++;
    };
    const { session } = await openPlant(disk);
    assert.deepEqual(await listed(session), ['a']);
    assert.ok(reads < 100, `${reads} reads`);
    await session.close();
  });

  it('that was cut short costs what is missing, and is reported', async () => {
    const origin = await prepared();
    const { length } = origin.contents(FAILED);
    for (let end = 0; end < length; end += 7) {
      const disk = origin.clone(1);
      disk.place(FAILED, disk.contents(FAILED).subarray(0, end));
      const { session, notices } = await openPlant(disk);
      const found = (await listed(session)).filter((text) => text !== 'removed');
      assert.deepEqual(found, texts.slice(0, found.length));
      await keep(session, 'later');
      assert.equal((await listed(session)).at(-1), 'later');
      await session.close();
      assert.ok(end > 300 || notices.some(({ level }) => level === 'error'), `cut at ${end}`);
    }
  });

  it('is not replaced before a copy of it is in quarantine', async () => {
    const disk = await prepared();
    disk.contents(FAILED).writeUInt8(0xff, 70);
    const damaged = Buffer.from(disk.contents(FAILED));
    const heal = disk.fail({ operation: 'makeDirectory', path: /quarantine/, code: 'EIO' });
    const { session } = await openPlant(disk);
    await assert.rejects(keep(session, 'later'), { code: 'EIO' });
    assert.deepEqual(disk.contents(FAILED), damaged);
    heal();
    await keep(session, 'later');
    assert.deepEqual(await quarantined(disk), [damaged]);
    await session.close();
  });

  it('of another session is never read, and set aside', async () => {
    const disk = await prepared();
    const foreign = (await prepared()).contents(FAILED);
    disk.place(FAILED, foreign);
    const { session, notices } = await openPlant(disk);
    assert.deepEqual(await listed(session), []);
    assert.match(notices.map(({ text }) => text).join(), /another session/);
    await keep(session, 'later');
    assert.deepEqual(await quarantined(disk), [foreign]);
    await session.close();
  });

  it('of a newer version is refused and left as it is, and the session is open all the same', async () => {
    const disk = await prepared();
    const bytes = disk.contents(FAILED);
    bytes.writeUInt16LE(2, 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
    const newer = Buffer.from(bytes);
    const { session, notices } = await openPlant(disk);
    await assert.rejects(keep(session, 'later'), { code: 'ERR_SESSION_VERSION' });
    await assert.rejects(listed(session), { code: 'ERR_SESSION_VERSION' });
    await session.close();
    assert.match(notices.map(({ text }) => text).join(), /newer version/);
    assert.deepEqual(disk.contents(FAILED), newer);
    assert.ok((await disk.list(DIRECTORY)).every((name) => !name.endsWith('.tmp')));
  });
});
