import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { temporaryDirectory } from '../store/support';
import { type DecodedSession, decodeSession, directoryName } from './decoder';
import { randomFrom } from './random-source';
import { RealSession } from './real-session';
import { acknowledgeFirst, CLIENT_ID, FULL_MESSAGE, fillSession } from './scenario';

/** Of each kind of damage. */
const ROUNDS = 6;

type Damage = (files: string[], random: (below: number) => number) => void;

const change = (file: string, edit: (bytes: Buffer) => Buffer | undefined): void => {
  const bytes = fs.readFileSync(file);
  fs.writeFileSync(file, edit(bytes) ?? bytes);
};
const inside = (bytes: Buffer, random: (below: number) => number): number => random(Math.max(1, bytes.length));

const damages: Record<string, Damage> = {
  'a changed byte': (files, random) =>
    change(files[random(files.length)]!, (bytes) => {
      const at = inside(bytes, random);
      bytes[at] = bytes[at]! ^ (1 + random(255));
      return bytes;
    }),
  'several changed bytes': (files, random) => {
    for (let count = 0; count < 4; count++) damages['a changed byte']!(files, random);
  },
  'a damaged segment header': (files, random) =>
    change(files[random(files.length)]!, (bytes) => {
      bytes[random(64)]! ^= 0x40;
      return bytes;
    }),
  'a range of zeros': (files, random) =>
    change(files[random(files.length)]!, (bytes) => {
      const at = inside(bytes, random);
      return bytes.fill(0, at, Math.min(bytes.length, at + 1 + random(400)));
    }),
  'a file cut short': (files, random) =>
    change(files[random(files.length)]!, (bytes) => bytes.subarray(0, inside(bytes, random))),
  'a hole': (files, random) =>
    change(files[random(files.length)]!, (bytes) => {
      const at = inside(bytes, random);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(100))]);
    }),
  'a missing segment': (files, random) => fs.rmSync(files[random(files.length)]!),
};

function segmentsIn(location: string): string[] {
  const names = fs.readdirSync(location).filter((name) => name.endsWith('.mcpj'));
  return names.sort().map((name) => path.join(location, name));
}

function swapNames(one: string, other: string): void {
  fs.renameSync(one, `${one}.swap`);
  fs.renameSync(other, one);
  fs.renameSync(`${one}.swap`, other);
}

describe('formats: a damaged session directory by docs/formats.md', () => {
  const directory = temporaryDirectory();
  const location = (storagePath: string): string => path.join(storagePath, directoryName(CLIENT_ID));

  /** The session of two openings, of which the second was killed: a backlog, a snapshot, and records above it. */
  async function makeOriginal(): Promise<string> {
    const source = path.join(directory(), 'store');
    const first = await fillSession(source);
    await first.close();
    const second = await RealSession.open(source, CLIENT_ID);
    await second.connect(true, second.session.snapshot(false).broker);
    second.session.pause(false);
    await acknowledgeFirst(second, 5);
    second.session.pause(true);
    await second.settle();
    await second.checkpoint(false);
    for (let count = 0; count < 12; count++) {
      second.publish({ ...FULL_MESSAGE, payload: Buffer.alloc(300, count) });
      second.publish({ qos: 1 });
      await second.settle();
    }
    const original = path.join(directory(), 'original');
    fs.cpSync(source, original, { recursive: true });
    fs.rmSync(path.join(location(original), 'lock'));
    // The segment that is made ahead may be there or not; the same damage shall hit the same file each time.
    for (const file of segmentsIn(location(original))) if (fs.statSync(file).size <= 64) fs.rmSync(file);
    await second.close();
    return original;
  }

  async function assertReadAlike(storagePath: string, label: string): Promise<DecodedSession> {
    const decoded = decodeSession(location(storagePath));
    const session = await RealSession.open(storagePath, CLIENT_ID);
    try {
      const from = decoded.snapshot?.sequence ?? 0;
      assert.deepEqual(
        decoded.records.flatMap(({ sequence }) => (sequence > from ? sequence : [])),
        session.recoveredSequences,
        `${label}: records above the snapshot`,
      );
      const queued: { sequence: number; payload: string }[] = [];
      for (let after = 0; ; after = queued.at(-1)!.sequence) {
        const some = await session.journal.read(after, 100_000);
        if (some.length === 0) break;
        for (const { sequence, record } of some) {
          if ('message' in record) queued.push({ sequence, payload: record.message.payload.toString('hex') });
        }
      }
      assert.deepEqual(
        decoded.records.flatMap((record) =>
          record.name === 'Enqueued'
            ? { sequence: record.sequence, payload: record.message.payload.toString('hex') }
            : [],
        ),
        queued,
        `${label}: messages in the journal`,
      );
    } finally {
      await session.close();
    }
    return decoded;
  }

  it('is read as the package reads it', async function () {
    this.timeout(30_000);
    const original = await makeOriginal();
    const whole = decodeSession(location(original));
    assert.deepEqual(whole.lost, []);
    let lossy = 0;
    for (const [name, damage] of Object.entries(damages)) {
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const copy = path.join(directory(), 'damaged');
        fs.cpSync(original, copy, { recursive: true });
        damage(segmentsIn(location(copy)), randomFrom(seed));
        const { lost } = await assertReadAlike(copy, `${name}, ${seed}`);
        if (lost.length > 0) lossy++;
        fs.rmSync(copy, { recursive: true });
      }
    }
    assert.ok(lossy > 10, `${lossy} with loss`);
  });

  it('is read whole when names were swapped, which the headers tell', async () => {
    const original = await makeOriginal();
    const whole = decodeSession(location(original));
    const last = segmentsIn(location(original)).length - 1;
    for (const [one, other] of [
      [0, 1],
      [0, last],
      [last - 1, last],
    ] as const) {
      const copy = `${original}-${one}-${other}`;
      fs.cpSync(original, copy, { recursive: true });
      const files = segmentsIn(location(copy));
      swapNames(files[one]!, files[other]!);
      assert.deepEqual(decodeSession(location(copy)).records, whole.records);
      await assertReadAlike(copy, `segments ${one} and ${other} swapped`);
    }
  });

  it('is read without a record that stands in the place of another', async () => {
    const source = path.join(directory(), 'store');
    const session = await fillSession(source);
    const payloads = Array.from({ length: 6 }, (_, index) => Buffer.alloc(32, `record-${index}-`));
    for (const payload of payloads) session.publish({ qos: 1, payload });
    await session.settle();
    const file = segmentsIn(location(source)).find((name) => fs.readFileSync(name).includes(payloads[0]!))!;
    const ends = payloads.map((payload) => fs.readFileSync(file).indexOf(payload) + payload.length);
    const size = ends[1]! - ends[0]!;
    for (const [from, to] of [
      [0, 1],
      [0, 3],
      [2, 1],
      [4, 1],
      [5, 0],
    ] as const) {
      const copy = path.join(directory(), `place-${from}-${to}`);
      fs.cpSync(source, copy, { recursive: true });
      fs.rmSync(path.join(location(copy), 'lock'));
      change(path.join(location(copy), path.basename(file)), (bytes) => {
        bytes.copyWithin(ends[to]! - size, ends[from]! - size, ends[from]!);
        return bytes;
      });
      await assertReadAlike(copy, `record ${from} in the place of ${to}`);
    }
    await session.close();
  });

  it('is read without what a former holder wrote after it was displaced', async () => {
    const source = path.join(directory(), 'store');
    const former = await fillSession(source);
    const copy = path.join(directory(), 'taken-over');
    fs.cpSync(source, copy, { recursive: true });
    fs.rmSync(path.join(location(copy), 'lock'));
    const holder = await RealSession.open(copy, CLIENT_ID);
    for (let count = 0; count < 3; count++) holder.publish({ qos: 1, payload: Buffer.from('holder') });
    await holder.settle();
    const displaced = path.join(directory(), 'displaced');
    fs.cpSync(copy, displaced, { recursive: true });
    fs.rmSync(path.join(location(displaced), 'lock'));
    await holder.close();
    for (let count = 0; count < 80; count++) {
      former.publish({ qos: 1, payload: Buffer.from('former') });
      await former.settle();
    }
    // It wrote to the files it had open, which had been renamed, and to new ones, under names of its own epoch.
    const taken = new Set(decodeSession(location(copy)).snapshot?.journal.segments.map(({ number }) => number));
    const active = Math.max(...taken);
    for (const file of segmentsIn(location(source))) {
      const name = path.basename(file);
      const number = Number(name.slice(2, 10));
      fs.copyFileSync(file, path.join(location(displaced), number < active ? name.replace(/^1/, '2') : name));
    }
    await former.close();
    const late = (decoded: DecodedSession): string[] =>
      decoded.records.flatMap((record) => (record.name === 'Enqueued' ? record.message.payload.toString() : []));

    // As if the take-over had been interrupted before its snapshot: the headers alone say what is replaced.
    const older = path.join(directory(), 'older-snapshot');
    fs.cpSync(displaced, older, { recursive: true });
    fs.rmSync(path.join(location(older), 'session.2.mcps'));
    fs.copyFileSync(path.join(location(source), 'session.1.mcps'), path.join(location(older), 'session.1.mcps'));
    for (const file of segmentsIn(location(older))) if (path.basename(file).startsWith('1-')) fs.rmSync(file);
    for (const storagePath of [displaced, older]) {
      const decoded = await assertReadAlike(storagePath, path.basename(storagePath));
      assert.deepEqual(late(decoded).slice(-3), ['holder', 'holder', 'holder']);
      assert.ok(!late(decoded).includes('former'));
      assert.deepEqual(decoded.lost, []);
    }
  });

  it('is read without its snapshot as the package reads it', async () => {
    const original = await makeOriginal();
    const name = fs.readdirSync(location(original)).find((file) => file.endsWith('.mcps'))!;
    change(path.join(location(original), name), (bytes) => {
      bytes[40]! ^= 1;
      return bytes;
    });
    const decoded = await assertReadAlike(original, 'no snapshot');
    assert.equal(decoded.snapshot, undefined);
    assert.ok(decoded.records.length > 20);
  });
});
