import * as assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { hygieneViolations } from './hygiene';
import { readSources } from './sources';

const everything = [
  'src',
  'nodes',
  'plugins',
  'test',
  'bench',
  'scripts',
  'examples',
  'docs',
  'icons',
  '.ci',
  'README.md',
  'CHANGELOG.md',
];
const texts = ['.ts', '.mjs', '.cjs', '.js', '.json', '.html', '.md', '.sh', '.yml', '.svg', '/run'];

/** Written in two halves, so that this file does not break its own rules. */
const marker = (first: string, second: string): string => first + second;

describe('hygiene', () => {
  it('holds in the whole project', () => {
    const sources = readSources(everything, texts);
    assert.ok(sources.size > 10, 'too few sources found');
    const found = [...sources].flatMap(([file, text]) => hygieneViolations(file, text));
    assert.deepEqual(found, []);
  });

  describe('the check itself', () => {
    for (const [name, line] of [
      ['work left for later', `// ${marker('TO', 'DO')}: the rest`],
      ['work left for later', `<!-- ${marker('FIX', 'ME')} -->`],
      ['a test that shuts out all others', `it${marker('.on', 'ly')}('works', () => {});`],
      ['an escape from the type system', `// ${marker('@ts-', 'ignore')}`],
      ['the path of one machine', `const file = '${marker('/ho', 'me/')}someone/file';`],
      ['the path of one machine', `"path": "${marker('C:\\\\Us', 'ers\\\\')}someone"`],
      ['a registry host', `"resolved": "https://${marker('registry.npm', 'js.org')}/x"`],
    ] as const) {
      it(`finds ${name} in ${line}`, () => {
        assert.deepEqual(hygieneViolations('src/a.ts', `const first = 1;\n${line}\n`), [`src/a.ts:2: ${name}`]);
      });
    }

    it('accepts ordinary code', () => {
      const text =
        "const path = '/usr/sbin';\nonly(1);\nconst url = 'http://localhost/';\nconst work = 'homework/x';\n";
      assert.deepEqual(hygieneViolations('src/a.ts', text), []);
    });
  });
});
