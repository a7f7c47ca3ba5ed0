import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { RecordKind } from '../../src/session/records';
import { fixtures } from '../mcps/fixtures';
import { temporaryDirectory } from '../store/support';
import { asDecoded, assertSame, withoutSize } from './comparison';
import { type DecodedSession, decodeSession, directoryName } from './decoder';
import { RealSession } from './real-session';
import { acknowledgeFirst, CLIENT_ID, FULL_MESSAGE, fillSession, ORIGIN, OTHER_BROKER } from './scenario';

const SEGMENT_HEADER_BYTES = 64;

describe('formats: a session directory by docs/formats.md', () => {
  const directory = temporaryDirectory();
  const opened: RealSession[] = [];
  let copies = 0;

  afterEach(async () => {
    for (const session of opened.splice(0)) await session.close();
  });

  const fill = async (): Promise<RealSession> => {
    const session = await fillSession(path.join(directory(), 'store'));
    opened.push(session);
    return session;
  };
  const location = (storagePath: string): string => path.join(storagePath, directoryName(CLIENT_ID));
  const decode = (storagePath = path.join(directory(), 'store')): DecodedSession =>
    decodeSession(location(storagePath));

  /** The storage path as a killed process leaves it, without its lock. */
  const killedCopy = (): string => {
    const copy = path.join(directory(), `copy-${++copies}`);
    fs.cpSync(path.join(directory(), 'store'), copy, { recursive: true });
    fs.rmSync(path.join(location(copy), 'lock'));
    return copy;
  };
  const segments = (storagePath: string): string[] =>
    fs
      .readdirSync(location(storagePath))
      .filter((name) => name.endsWith('.mcpj'))
      .sort((one, other) => Number(one.split(/[-.]/)[1]) - Number(other.split(/[-.]/)[1]))
      .map((name) => path.join(location(storagePath), name));

  it('has every record that was appended', async () => {
    const session = await fill();
    const decoded = decode();
    assert.ok(segments(path.join(directory(), 'store')).length > 4, 'several segments');
    assert.deepEqual(
      decoded.records.map(withoutSize),
      session.appended.map(({ sequence, record }) => asDecoded(sequence, record)),
    );
    assertSame(decoded, session);
    assert.deepEqual(decoded.snapshot?.header, {
      version: 2,
      created: session.journal.recovered.metadata.createdAt,
      lastAccess: decoded.snapshot?.header.lastAccess,
      expiryInterval: 3600,
      clientId: CLIENT_ID,
    });
  });

  for (const inline of [false, true]) {
    const where = inline ? 'in the snapshot' : 'in the journal';
    it(`has the session after a snapshot and further records, open messages ${where}`, async () => {
      const session = await fill();
      await session.checkpoint(inline);
      assertSame(decode(), session);
      assert.equal(
        decode().snapshot?.open.some(({ message }) => message !== undefined),
        inline,
      );
      session.session.pause(false);
      await acknowledgeFirst(session, 8);
      session.publish(FULL_MESSAGE, ORIGIN);
      await session.settle();
      assert.ok((decode().snapshot?.sequence ?? 0) < (session.appended.at(-1)?.sequence ?? 0));
      assertSame(decode(), session);
    });
  }

  it('has a message with all properties from a snapshot', async () => {
    const session = await fill();
    session.session.pause(false);
    await session.settle();
    for (let turn = 0; turn < 40; turn++) {
      for (const { packetId: messageId, message } of session.session.openMessages()) {
        if (message.properties?.contentType !== undefined) continue;
        if (message.qos === 1) await session.receive({ cmd: 'puback', messageId });
        else await session.receive({ cmd: 'pubrec', messageId }, { cmd: 'pubcomp', messageId });
      }
    }
    for (let count = 0; count < 15; count++) session.publish({ qos: 1 });
    await session.checkpoint(true);
    const [message] = decode().snapshot!.open.flatMap(({ message }) =>
      message?.properties?.contentType === undefined ? [] : message,
    );
    assert.deepEqual(message?.properties, {
      ...FULL_MESSAGE.properties,
      userProperties: [
        ['unit', '°C'],
        ['tag', 'a'],
        ['tag', 'b'],
        ['', ''],
      ],
    });
    assertSame(decode(), session);
  });

  it('has the session after it was closed', async () => {
    const session = await fill();
    await session.checkpoint(false);
    await session.close();
    assertSame(decode(), session);
  });

  it('has the session after another broker had one of its own', async () => {
    const session = await fill();
    await session.checkpoint(false);
    session.session.disconnected(false, 0);
    await session.connect(true, OTHER_BROKER);
    const decoded = decode();
    assertSame(decoded, session);
    const kinds = new Set<number>(Object.values(RecordKind));
    kinds.delete(RecordKind.Failed);
    assert.deepEqual(new Set(session.appended.map(({ record }) => record.kind)), kinds);
    assert.deepEqual([decoded.received, decoded.releaseOrder, decoded.window], [[], [], { size: 0, ceiling: 0 }]);
  });

  it('has each record once when a failed sync made the journal go on in a new segment', async () => {
    const session = await fill();
    for (let turn = 0; turn < 3; turn++) {
      session.publish({ qos: 1 });
      session.failNextSync = true;
      await session.settle();
      assert.equal(session.failNextSync, false);
    }
    const replacing = segments(path.join(directory(), 'store')).filter(
      (file) => fs.statSync(file).size > SEGMENT_HEADER_BYTES && fs.readFileSync(file).readUInt32LE(48) > 1,
    );
    assert.equal(replacing.length, 3);
    assert.deepEqual(
      decode().records.map(withoutSize),
      session.appended.map(({ sequence, record }) => asDecoded(sequence, record)),
    );
    assertSame(decode(), session);
  });

  it('has the session after a kill and another opening', async () => {
    const first = await fill();
    const copy = killedCopy();
    const second = await RealSession.open(copy, CLIENT_ID);
    opened.push(second);
    second.publish({ qos: 2, topic: 'second' });
    await second.settle();
    const decoded = decode(copy);
    assert.equal(decoded.snapshot?.journal.epoch, 2);
    assert.equal(decoded.messages.at(-1)?.topic, 'second');
    assertSame(decoded, await openCopy(copy), first, second);
  });

  it('has a session that was migrated from version 1, before and after the broker lost it', async () => {
    const { bytes, session: original } = fixtures().find(({ name }) => name === 'plant-line.mcps')!;
    const storagePath = path.join(directory(), 'store');
    fs.mkdirSync(storagePath);
    fs.writeFileSync(path.join(storagePath, '.mcp_any'), bytes);
    const session = await RealSession.open(storagePath, original.clientId);
    opened.push(session);
    const read = (): [number, string, string][] =>
      decodeSession(path.join(storagePath, directoryName(original.clientId))).messages.map(
        ({ packetId, fate, payload }) => [packetId, fate, payload.toString('hex')],
      );
    const payloads = original.inflight.map(({ payload }) => payload.toString('hex'));
    assert.deepEqual(
      read(),
      payloads.map((payload, index) => [original.inflight[index]!.packetId, 'perhaps sent', payload]),
    );
    session.session.pause(true);
    await session.connect(false, OTHER_BROKER);
    assert.deepEqual(
      read().map(([packetId, , payload]) => [packetId, payload]),
      // Its last identifier was 65535: the sequences begin so that the next message gets 1.
      payloads.map((payload, index) => [65_470 + index, payload]),
    );
  });

  it('has all whole records of a torn tail, wherever it was torn, and so has the package', async () => {
    const session = await fill();
    for (let count = 0; count < 4; count++) session.publish({ qos: 1, payload: Buffer.alloc(20) });
    const sizes = new Map(segments(killedCopy()).map((file) => [path.basename(file), fs.statSync(file).size]));
    await session.settle();
    const { appended } = session;
    const copy = killedCopy();
    const file = segments(copy).findLast((name) => fs.statSync(name).size > SEGMENT_HEADER_BYTES)!;
    const whole = fs.readFileSync(file);
    const start = Math.max(SEGMENT_HEADER_BYTES, sizes.get(path.basename(file)) ?? 0);
    const counts = new Set<number>();
    for (let length = start; length < whole.length; length++) {
      fs.writeFileSync(file, whole.subarray(0, length));
      const { records, lost } = decode(copy);
      assert.deepEqual(lost, []);
      assert.deepEqual(
        records.map(withoutSize),
        appended.slice(0, records.length).map(({ sequence, record }) => asDecoded(sequence, record)),
      );
      if (counts.has(records.length)) continue;
      counts.add(records.length);
      assert.deepEqual(
        (await openCopy(copy)).recoveredSequences,
        records.map(({ sequence }) => sequence),
      );
    }
    assert.deepEqual(
      [...counts],
      [4, 3, 2, 1].map((missing) => appended.length - missing),
    );
  });

  /** The package on a copy of a storage path. */
  async function openCopy(storagePath: string): Promise<RealSession> {
    const copy = path.join(directory(), `copy-${++copies}`);
    fs.cpSync(storagePath, copy, { recursive: true });
    fs.rmSync(path.join(location(copy), 'lock'), { force: true });
    const session = await RealSession.open(copy, CLIENT_ID);
    opened.push(session);
    return session;
  }
});
