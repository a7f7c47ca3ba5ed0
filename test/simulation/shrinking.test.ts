import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { OpenFile } from '../../src/store/file-system';
import { Episode, type EpisodeOptions } from './episode';
import { KIND_FLOOR, KINDS, noCounts, STEPS_FLOOR, shortages } from './kinds';
import { isProfile } from './profiles';
import { Shrinking, shrunkLines } from './shrink';

/** A planted defect: the journal is never synced, and everybody is told that it was. */
function withoutSync(file: OpenFile, name: string): OpenFile {
  return name.endsWith('.mcpj') ? { ...file, sync: async () => undefined } : file;
}

/** The first episode that fails. */
async function failing(options: EpisodeOptions) {
  for (let seed = options.seed; seed < options.seed + 20; seed++) {
    const result = await new Episode({ ...options, seed }).run();
    if (result.violations.length > 0) return { options: { ...options, seed }, result };
  }
  throw new Error('no episode fails');
}

describe('the simulation', function () {
  this.timeout(60_000);

  it('gives the same episode for the same seed', async () => {
    const options = { seed: 4711, profile: 'power' } as const;
    const [one, other] = [await new Episode(options).run(), await new Episode(options).run()];
    assert.deepEqual(
      [one.steps, one.crashes, one.kinds, one.violations],
      [other.steps, other.crashes, other.kinds, other.violations],
    );
    assert.deepEqual(one.violations, []);
  });

  it('finds a planted defect, and shrinks the episode to a short one that fails in the same way', async () => {
    const { options, result } = await failing({ seed: 11, profile: 'power', tamper: withoutSync });
    const shrunk = await new Shrinking(options, result).run();
    assert.equal(shrunk.result.violations.length > 0, true);
    assert.ok(shrunk.keep.length <= 5, `${shrunk.keep.length} of ${result.actions.length} actions are left`);
    assert.ok(shrunk.keep.length * 4 < result.actions.length);
    assert.ok(shrunk.result.steps < result.steps, `${result.steps} steps became ${shrunk.result.steps}`);
    // It is what it says: the episode with these actions alone fails again, and without the defect it does not.
    const again = await new Episode(shrunk.options).run();
    assert.deepEqual(again.violations, shrunk.result.violations);
    const { tamper: _planted, ...sound } = shrunk.options;
    assert.deepEqual((await new Episode(sound).run()).violations, []);

    const lines = shrunkLines(shrunk, result);
    assert.match(lines[0] ?? '', /^Shrunk in \d+ runs: \d+ steps to \d+, \d+ actions to \d+/);
    assert.ok(lines.some((line) => /^Action \d+ at [\d.]+ s: power cut$/.test(line)));
    assert.ok(lines.some((line) => / s {2}power cut$/.test(line)));
    assert.match(lines.at(-1) ?? '', /^VIOLATION /);
    assert.ok(lines.length < 150, `${lines.length} lines`);
  });
});

describe('the kinds of events of the simulation', () => {
  it('name the files in which each is made and judged', () => {
    const files = Object.values(KINDS).flatMap(({ made, judged }) => `${made} ${judged}`.match(/[a-z-]+\.ts/g) ?? []);
    for (const file of new Set(files)) {
      const places = [__dirname, path.join(__dirname, '../support')].map((folder) => path.join(folder, file));
      assert.ok(
        places.some((place) => fs.existsSync(place)),
        `${file} is not there`,
      );
    }
  });

  it('are asked for by name when they come too seldom', () => {
    const counts = noCounts();
    for (const kind of Object.keys(counts) as (keyof typeof counts)[]) counts[kind] = KIND_FLOOR;
    assert.deepEqual(shortages({ steps: STEPS_FLOOR, kinds: counts }), []);
    counts['power cut'] = KIND_FLOOR - 1;
    assert.deepEqual(shortages({ steps: STEPS_FLOOR - 1, kinds: counts }), [
      { what: 'a step', count: STEPS_FLOOR - 1, floor: STEPS_FLOOR },
      { what: 'power cut', count: KIND_FLOOR - 1, floor: KIND_FLOOR },
    ]);
  });

  it('come from profiles that can be asked for by name', () => {
    assert.ok(isProfile('power'));
    assert.ok(!isProfile('toString'));
  });
});
