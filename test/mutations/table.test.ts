import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { applyMutation, NotApplied, parseMutation, readMutations } from './mutation';
import { rules } from './rules';

const projectRoot = path.resolve(__dirname, '..', '..');
const mutations = readMutations(path.join(__dirname, 'patches'));

function readFile(file: string): string | undefined {
  const full = path.join(projectRoot, file);
  return fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : undefined;
}

describe('the table of deliberate bugs', () => {
  it('has at least one for every rule, and none for a rule that there is not', () => {
    const known = new Set(rules.map(({ name }) => name));
    assert.equal(known.size, rules.length, 'a rule has two entries');
    const broken = new Set(mutations.map(({ rule }) => rule));
    assert.deepEqual(
      [...known].filter((rule) => !broken.has(rule)),
      [],
      'rules without a mutation',
    );
    assert.deepEqual(
      [...broken].filter((rule) => !known.has(rule)),
      [],
      'rules that rules.ts does not have',
    );
  });

  it('names for each rule a place that exists', () => {
    assert.deepEqual(
      rules.filter(({ where }) => readFile(where) === undefined).map(({ name }) => name),
      [],
    );
  });

  it('names for each bug a check that exists', () => {
    for (const { name, check } of mutations) {
      if (check.kind !== 'mocha') continue;
      const text = readFile(check.file);
      assert.ok(text, `${name}: ${check.file} is missing`);
      assert.ok(check.grep === undefined || text.includes(check.grep), `${name}: no test "${check.grep}"`);
    }
  });

  it('has at least twelve that the simulation finds', () => {
    assert.ok(mutations.filter(({ check }) => check.kind === 'simulation').length >= 12);
  });

  for (const mutation of mutations) {
    it(`applies to the code as it is: ${mutation.name}`, () => {
      assert.ok(applyMutation(mutation, readFile).size > 0);
    });
  }
});

describe('a patch', () => {
  const header = 'Rule: overdue\nBug: one\n  two\nCaught by: mocha test/a.test.ts --grep "x y"\nIn CI: yes\n';
  const diff = '--- a/one.ts\n+++ b/one.ts\n@@ -1,3 +1,3 @@\n first\n-second\n+2nd\n third\n';

  it('is read with its header', () => {
    assert.deepEqual(parseMutation('name', header + diff), {
      name: 'name',
      rule: 'overdue',
      bug: 'one two',
      check: { kind: 'mocha', file: 'test/a.test.ts', grep: 'x y' },
      inCi: true,
      diff,
    });
  });

  it('changes what it fits to the letter, wherever that has moved', () => {
    const mutation = parseMutation('name', header + diff);
    const changed = applyMutation(mutation, () => 'new\nfirst\nsecond\nthird\n');
    assert.deepEqual([...changed], [['one.ts', 'new\nfirst\n2nd\nthird\n']]);
    for (const text of ['first\nsecond \nthird\n', 'first\nsecond\nThird\n', undefined]) {
      assert.throws(() => applyMutation(mutation, () => text), NotApplied);
    }
  });

  it('is refused without context, without a field or with an unknown check', () => {
    const bare = '--- a/one.ts\n+++ b/one.ts\n@@ -2,1 +2,1 @@\n-second\n+2nd\n';
    assert.throws(
      () => applyMutation(parseMutation('name', header + bare), () => 'first\nsecond\n'),
      /without context/,
    );
    assert.throws(() => parseMutation('name', header.replace('Bug', 'Bag') + diff), /no line "Bug/);
    assert.throws(() => parseMutation('name', header.replace('mocha', 'jest') + diff), /neither a mocha nor/);
    assert.throws(() => parseMutation('name', header.replace('CI: yes', 'CI: perhaps') + diff), /not yes or no/);
  });
});
