import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readSources, root } from '../architecture/sources';

const page = readSources(['docs'], ['.md']).get('docs/conformance.md') ?? '';
const tests = readSources(['test'], ['.test.ts']);

/** Titles of the tests in a file, with … for what a template puts in. */
function titlesIn(file: string): Set<string> {
  const source = tests.get(file) ?? '';
  const found = [...source.matchAll(/\b(?:describe|it)\(\s*(['`"])((?:\\.|(?!\1)[^\\])*)\1/g)];
  return new Set(found.map(([, , title = '']) => title.replace(/\$\{[^}]*\}/g, '…').replace(/\\(.)/g, '$1')));
}

/** What the page cites: a file, and behind it titles of its tests. */
function citations(): { file: string; title: string }[] {
  return [...page.matchAll(/`(test\/[^`]+\.test\.ts)`: ((?:\*[^*]+\*(?: · )?)+)/g)].flatMap(
    ([, file = '', titles = '']) => [...titles.matchAll(/\*([^*]+)\*/g)].map(([, title = '']) => ({ file, title })),
  );
}

describe('the page about conformance', () => {
  it('cites tests that exist, by their titles', () => {
    const cited = citations();
    assert.ok(cited.length > 100, `${cited.length} tests cited`);
    assert.deepEqual(
      cited.filter(({ file, title }) => !titlesIn(file).has(title)),
      [],
    );
  });

  it('cites a test for every rule', () => {
    const rows = page.split('\n').filter((line) => /^\| (?!---|label|before|rule|what it does)/.test(line));
    assert.ok(rows.length > 60, `${rows.length} rules`);
    assert.deepEqual(
      rows.filter((row) => !/`test\/[^`]+\.test\.ts`: \*/.test(row)),
      [],
    );
  });

  it('names files that exist', () => {
    const files = [...page.matchAll(/`((?:src|test)\/[^`]+)`/g)].map(([, file = '']) => file);
    assert.deepEqual(
      files.filter((file) => !fs.existsSync(path.join(root, file))),
      [],
    );
  });

  it('cites the conformance tests, all of them', () => {
    const cited = new Set(citations().map(({ file, title }) => `${file}: ${title}`));
    const own = [...tests.keys()].filter((file) => file.startsWith('test/conformance/'));
    assert.ok(own.length > 3, `${own.length} files`);
    const uncited = own.flatMap((file) => {
      const source = tests.get(file) ?? '';
      const suites = new Set([...source.matchAll(/\bdescribe\(\s*'([^']*)'/g)].map(([, title = '']) => title));
      return [...titlesIn(file)].filter((title) => !suites.has(title)).map((title) => `${file}: ${title}`);
    });
    assert.deepEqual(
      uncited.filter((test) => !cited.has(test)),
      [],
    );
  });
});
