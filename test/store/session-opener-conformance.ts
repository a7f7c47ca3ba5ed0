import * as assert from 'node:assert/strict';
import type { SessionJournal, SessionOpener } from '../../src/client/ports';
import { emptySessionState } from '../../src/session/state';
import { SessionUser, texts } from './session-user';
import { message, note, type TextRecord, textCodec } from './text-codec';

export interface OpenerUnderTest {
  opener: SessionOpener;
  /** Opens the same storage as somebody else, for whom a session open here is taken. */
  other: SessionOpener;
}

/** What every storage of sessions must do. `create` gives empty storage for each test. */
export function testSessionOpener(create: () => Promise<OpenerUnderTest>): void {
  let subject: OpenerUnderTest;
  const open = (clientId = 'plant-1', expiry?: number, by = subject.opener): Promise<SessionJournal<TextRecord>> =>
    by.open(clientId, textCodec, expiry);

  beforeEach(async () => {
    subject = await create();
  });

  it('opens a new session empty', async () => {
    const before = Date.now() - 1;
    const session = await open('plant-1', 60);
    assert.equal(session.recovered.isNew, true);
    assert.deepEqual(session.recovered.state, emptySessionState());
    assert.deepEqual(session.recovered.records, []);
    assert.deepEqual(session.recovered.notices, []);
    assert.equal(session.recovered.metadata.clientId, 'plant-1');
    assert.equal(session.recovered.metadata.expiryInterval, 60);
    assert.ok(session.recovered.metadata.createdAt >= before);
    assert.equal(session.admission(), undefined);
    assert.deepEqual(await session.read(0, 1000), []);
    await session.close();
  });

  it('gives back all records in order, and counts on from there', async () => {
    const user = new SessionUser(await open());
    await user.append(message('a'), note('b'), message('c'));
    await user.append(message('d'));
    await user.session.close();

    const again = await open();
    assert.equal(again.recovered.isNew, false);
    assert.deepEqual(texts(again.recovered.records), ['a', 'b', 'c', 'd']);
    assert.deepEqual(
      again.recovered.records.map(({ sequence }) => sequence),
      [1, 2, 3, 4],
    );
    const next = new SessionUser(again);
    await next.append(message('e'));
    await again.close();
    const last = await open();
    assert.deepEqual(texts(last.recovered.records), ['a', 'b', 'c', 'd', 'e']);
    await last.close();
  });

  it('commits what was appended when it is closed', async () => {
    const user = new SessionUser(await open());
    const appended = user.append(message('a'));
    await user.session.close();
    await appended;
    const again = await open();
    assert.deepEqual(texts(again.recovered.records), ['a']);
    await again.close();
  });

  it('reads messages only, in order and bounded by bytes, across an opening', async () => {
    const user = new SessionUser(await open());
    const bodies = ['a', 'b', 'c'].map((letter) => letter.repeat(1000));
    await user.append(message(bodies[0]!), note('between'), message(bodies[1]!), message(bodies[2]!));
    const check = async (session: SessionJournal<TextRecord>) => {
      assert.deepEqual(texts(await session.read(0, 1)), [bodies[0]]);
      assert.deepEqual(texts(await session.read(0, 1_000_000)), bodies);
      assert.deepEqual(texts(await session.read(1, 1_000_000)), [bodies[1], bodies[2]]);
      assert.deepEqual(await session.read(4, 1_000_000), []);
    };
    await check(user.session);
    await user.session.close();
    const again = new SessionUser(await open());
    await check(again.session);
    await again.append(message('d'));
    assert.deepEqual(texts(await again.session.read(4, 1000)), ['d']);
    await again.session.close();
  });

  it('keeps a checkpoint and the records above it', async () => {
    const user = new SessionUser(await open());
    await user.append(message('a'), message('b'));
    await user.checkpoint(2);
    await user.append(message('c'));
    await user.session.close();

    const again = new SessionUser(await open());
    const { state, records, isNew, notices } = again.session.recovered;
    assert.deepEqual({ ...state }, { ...emptySessionState(), sequence: 2, broker: 'after 2' });
    assert.deepEqual([texts(records), isNew, notices], [['c'], false, []]);
    assert.deepEqual(texts(await again.session.read(1, 1000)), ['b', 'c']);
    await again.session.close();
  });

  it('keeps when a session was made, and notes when it was used', async () => {
    const first = await open('plant-1', 60);
    const { createdAt } = first.recovered.metadata;
    await first.close();
    const again = await open();
    const { metadata } = again.recovered;
    assert.equal(metadata.createdAt, createdAt);
    assert.ok(metadata.lastAccessAt >= createdAt);
    assert.equal(metadata.expiryInterval, 60);
    await again.close();
    const changed = await open('plant-1', 0);
    assert.equal(changed.recovered.metadata.expiryInterval, 0);
    await changed.close();
  });

  it('keeps sessions apart', async () => {
    const clientIds = ['a/b', 'a:b', 'A/b', 'a'];
    const users = await Promise.all(clientIds.map(async (clientId) => new SessionUser(await open(clientId))));
    await Promise.all(users.map((user, i) => user.append(message(clientIds[i]!))));
    await Promise.all(users.map((user) => user.session.close()));
    for (const clientId of clientIds) {
      const again = await open(clientId);
      assert.deepEqual(texts(again.recovered.records), [clientId]);
      await again.close();
    }
  });

  it('refuses a session that somebody else has open, and gives it as soon as it is closed', async () => {
    const user = new SessionUser(await open());
    await assert.rejects(
      open('plant-1', undefined, subject.other),
      (error: Error & { code: string; holder: unknown }) => {
        assert.equal(error.code, 'ERR_SESSION_LOCKED');
        assert.ok(error.holder);
        return true;
      },
    );
    await user.append(message('undisturbed'));
    await user.session.close();
    const next = await open('plant-1', undefined, subject.other);
    assert.deepEqual(texts(next.recovered.records), ['undisturbed']);
    await next.close();
  });

  it('waits for an instance that is closing', async () => {
    const user = new SessionUser(await open());
    await user.append(message('a'));
    const opening = open();
    await user.session.close();
    const next = await opening;
    assert.deepEqual(texts(next.recovered.records), ['a']);
    await next.close();
  });

  it('keeps dead letters, in order, until they are removed', async () => {
    const first = await open();
    assert.deepEqual(await first.deadLetters.list(0, 10), []);
    await Promise.all(['a', 'b', 'c'].map((text) => first.deadLetters.keep(`key ${text}`, message(text))));
    await first.close();

    const again = await open();
    const listed = await again.deadLetters.list(0, 10);
    assert.deepEqual(texts(listed), ['a', 'b', 'c']);
    const [a, b, c] = listed.map(({ id }) => id);
    assert.ok(a !== undefined && b !== undefined && c !== undefined && a < b && b < c);
    assert.equal(again.deadLetters.statistics().count, 3);
    assert.deepEqual(texts(await again.deadLetters.list(a, 1)), ['b']);
    assert.equal(await again.deadLetters.remove([b, 1_000_000]), 1);
    assert.equal(await again.deadLetters.remove([b]), 0);
    await again.close();

    const last = await open();
    assert.deepEqual(texts(await last.deadLetters.list(0, 10)), ['a', 'c']);
    await last.close();
  });

  it('keeps one dead letter for a key', async () => {
    const session = await open();
    const { deadLetters } = session;
    await Promise.all([deadLetters.keep('1.5', message('a')), deadLetters.keep('1.5', message('a'))]);
    await deadLetters.keep('1.5', message('a'));
    await session.close();
    const again = await open();
    await again.deadLetters.keep('1.5', message('a'));
    await again.deadLetters.keep('1.6', message('other'));
    assert.deepEqual(texts(await again.deadLetters.list(0, 10)), ['a', 'other']);
    await again.close();
  });

  it('gives no dead letter the id of another one, also when all are gone', async () => {
    const ids: number[] = [];
    for (const text of ['a', 'b', 'c']) {
      const session = await open();
      await session.deadLetters.keep(text, message(text));
      const [only, ...others] = await session.deadLetters.list(0, 10);
      assert.deepEqual([only?.record.text, others], [text, []]);
      ids.push(only?.id ?? 0);
      assert.equal(await session.deadLetters.remove(ids), 1);
      await session.close();
    }
    assert.equal(new Set(ids).size, 3);
    assert.deepEqual([...ids].sort(), ids);
  });

  it('pushes the oldest dead letters out where there is no room for all', async () => {
    const session = await subject.opener.open('plant-1', textCodec, undefined, { deadLetterBytes: 10_000 });
    const { deadLetters } = session;
    for (let i = 0; i < 100; i++) await deadLetters.keep(`${i}`, message(`${i}`.padEnd(500)));
    const listed = texts(await deadLetters.list(0, 100)).map(Number);
    const { count, bytes, evicted } = deadLetters.statistics();
    assert.equal(listed.at(-1), 99);
    assert.deepEqual(
      listed,
      Array.from({ length: listed.length }, (_, i) => 100 - listed.length + i),
    );
    assert.ok(count >= 10 && count < 20, `${count} are kept`);
    assert.ok(bytes > 5000 && bytes <= 10_000, `${bytes} bytes are kept`);
    assert.equal(evicted, 100 - count);
    await session.close();
  });

  it('keeps a dead letter that alone is larger than the bound', async () => {
    const session = await subject.opener.open('plant-1', textCodec, undefined, { deadLetterBytes: 1000 });
    await session.deadLetters.keep('a', message('a'));
    await session.deadLetters.keep('b', message('b'.repeat(2000)));
    assert.deepEqual(texts(await session.deadLetters.list(0, 10)), ['b'.repeat(2000)]);
    await session.close();
  });

  it('refuses dead letters after closing', async () => {
    const session = await open();
    const kept = session.deadLetters.keep('a', message('a'));
    await session.close();
    await kept;
    await assert.rejects(session.deadLetters.keep('b', message('b')), { code: 'ERR_SESSION_CLOSED' });
  });

  it('refuses a checkpoint after closing, and closes once', async () => {
    const user = new SessionUser(await open());
    await Promise.all([user.session.close(), user.session.close()]);
    await assert.rejects(user.checkpoint(1), { code: 'ERR_SESSION_CLOSED' });
  });
}
