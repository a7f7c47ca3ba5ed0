import * as assert from 'node:assert/strict';
import { SessionError } from '../../../src/errors';
import { DeadLetters } from '../../../src/store/dead-letters/dead-letters';
import { MemoryDisk } from '../../support/memory-disk';
import { message, type TextRecord, textCodec } from '../text-codec';
import { DIRECTORY, FAILED, idsOf, keep, listed, openPlant, TestClock } from './support';

/**
 * The first holder is stopped before one of his calls, found dead, and goes on when his successor has used the session.
 */
describe('dead letters of a holder that was found dead but lives', function () {
  this.timeout(60_000);

  const works: Record<string, (session: Parameters<typeof keep>[0]) => Promise<unknown>> = {
    'adds one': (session) => keep(session, 'late'),
    'removes one by a word': async (session) => session.deadLetters.remove(await idsOf(session, 'b')),
    'rewrites the file': async (session) => session.deadLetters.remove(await idsOf(session, 'a'.repeat(100_000))),
  };
  it('are not written to by one who opens the file after that', async () => {
    const disk = new MemoryDisk();
    const { session: first } = await openPlant(disk, { pid: 1 });
    await keep(first, 'a');
    await first.close();
    const uid = Buffer.from(first.recovered.uid, 'hex');
    const before = Buffer.from(disk.contents(FAILED));
    const late = new DeadLetters<TextRecord>({
      fileSystem: disk,
      scheduler: new TestClock(),
      directory: DIRECTORY,
      uid,
      codec: textCodec,
      mayExist: true,
      bytesMax: 1_000_000,
      ageMsMax: Number.POSITIVE_INFINITY,
      closedInOrder: true,
      verifyHolder: () => Promise.reject(new SessionError('ERR_SESSION_LOST', 'taken over')),
      quarantine: () => Promise.resolve(),
      notice: () => undefined,
    });
    await assert.rejects(late.keep('late', message('late')), { code: 'ERR_SESSION_LOST' });
    assert.deepEqual(disk.contents(FAILED), before);
    await late.close();
  });

  for (const [name, work] of Object.entries(works)) {
    it(`are those of his successor, wherever he ${name}`, async () => {
      for (let stopAt = 1; ; stopAt++) {
        const disk = new MemoryDisk(stopAt);
        const first = await openPlant(disk, { pid: 1 });
        await keep(first.session, 'a'.repeat(100_000), 'b', 'c');

        let calls = 0;
        let goOn: () => void = () => undefined;
        const gate = new Promise<void>((resolve) => {
          goOn = resolve;
        });
        let stopped: () => void = () => undefined;
        const isStopped = new Promise<void>((resolve) => {
          stopped = resolve;
        });
        let isSecond = false;
        disk.onCall = async () => {
          if (isSecond || ++calls !== stopAt) return;
          stopped();
          await gate;
        };
        const outcome = work(first.session).then(
          () => 'done',
          (error: Error & { code: string }) => error.code,
        );
        const early = await Promise.race([isStopped, outcome]);
        isSecond = true;
        const second = await openPlant(disk, { pid: 2 });
        await keep(second.session, 'd');
        const before = await listed(second.session);
        await keep(second.session, 'e'.repeat(300));

        goOn();
        const result = await outcome;
        const situation = `stopped at call ${stopAt}: ${disk.log.at(-1)}, ${result}`;
        await keep(second.session, 'f');
        const expected = [...before, 'e'.repeat(300), 'f'];
        assert.deepEqual(await listed(second.session), expected, situation);
        await second.session.close();
        const third = await openPlant(disk, { pid: 3 });
        assert.deepEqual(await listed(third.session), expected, situation);
        const errors = [...second.notices, ...third.notices].filter(({ level }) => level === 'error');
        assert.deepEqual(errors, [], situation);
        await third.session.close();
        assert.ok(
          (await disk.list(DIRECTORY)).every((file) => !file.endsWith('.tmp')),
          situation,
        );
        await first.session.close().catch(() => undefined);
        if (early === 'done') {
          assert.ok(stopAt > 3, `only ${stopAt} calls`);
          return;
        }
        // Reported by the first only if the second has found it so.
        if (result === 'done') assert.equal(before.includes('late'), name === 'adds one', situation);
      }
    });
  }
});
