import assert from 'node:assert/strict';
import { fuzz } from './fuzz/runner';
import { targets } from './fuzz/targets';
import { Watchdog } from './fuzz/watchdog';

/** The same inputs every time, so that a change is judged by what it changed. */
const FIXED_SEED = 20_261_123;
/** For each target, half with the fixed seed. More: npm run fuzz. */
const MILLISECONDS = Number(process.env.FUZZ_MS ?? 1_200);

/** On a slow machine; of them some are accepted. */
const INPUTS_MIN = 50;

describe('every parser, given mutated inputs', function () {
  this.timeout(120_000);
  const fresh = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  let watchdog: Watchdog;
  before(() => {
    watchdog = new Watchdog();
  });
  after(() => watchdog.stop());

  for (const target of targets) {
    it(`${target.name}: only errors with a code, in bounded time and memory (SEED=${fresh})`, async () => {
      for (const seed of [FIXED_SEED, fresh]) {
        const report = await fuzz(target, { seed, milliseconds: MILLISECONDS / 2, inputsMin: INPUTS_MIN }, watchdog);
        assert.equal(report.failure, undefined, `seed ${seed}`);
        assert.ok(report.inputs >= INPUTS_MIN && report.accepted > 0, JSON.stringify(report));
      }
    });
  }

  it('is seen to fail for a parser that throws what has no code, takes too much memory, or changes a prototype', async () => {
    const made = (feed: () => void) => ({
      name: 'made up',
      what: '',
      open: async () => ({
        feed: () => {
          feed();
          return { size: 10, accepted: true };
        },
      }),
    });
    const run = async (feed: () => void) => (await fuzz(made(feed), { seed: 1, milliseconds: 10 }, watchdog)).failure;
    const broken = () => (undefined as unknown as { name: string }).name;
    assert.match((await run(broken)) ?? '', /TypeError/);
    assert.match((await run(() => Buffer.alloc(10_000_000))) ?? '', /allocated 10000000 bytes for an input of 10/);
    const polluted = await run(() => Object.defineProperty(Object.prototype, 'x7', { value: 1, configurable: true }));
    Reflect.deleteProperty(Object.prototype, 'x7');
    assert.match(polluted ?? '', /changed a prototype/);
    assert.equal(await run(() => undefined), undefined);
  });
});
