import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';

const projectRoot = path.resolve(__dirname, '..', '..');

/** A test that the page names: `file`: *title* · *title*. */
interface Citation {
  file: string;
  titles: string[];
}

const page = fs.readFileSync(path.join(projectRoot, 'docs/conformance.md'), 'utf8');
/** Rows of the tables that say what holds a rule. */
const rows = page
  .split('\n## ')
  .filter((section) => section.includes('| held by |'))
  .flatMap((section) => section.split('\n').filter((line) => line.startsWith('| ') && !/^\| (label|---)/.test(line)))
  .filter((line) => !line.endsWith('| held by |'));

function citationsIn(row: string): Citation[] {
  const cell = row.split(' | ').at(-1) ?? '';
  return cell.split('<br>').flatMap((part) => {
    const file = /`(test\/[^`]+)`/.exec(part)?.[1];
    if (file === undefined) return [];
    return [{ file, titles: [...part.matchAll(/(?<=^|[\s·(])\*([^*]+)\*/g)].map(([, title]) => title as string) }];
  });
}

/** Whether `source` has a test or a group with this title, in which … stands for anything, as does what is computed. */
function hasTitle(source: string, title: string): boolean {
  const isLike = (pattern: string, text: string) => new RegExp(`^${pattern}$`, 's').test(text);
  const wanted = title.split('…').map(escaped).join('.*');
  return [...source.matchAll(/(['"`])((?:\\.|(?!\1)[^\\\n])*)\1/g)].some(([, , text = '']) => {
    const written = text.replaceAll(/\\(['"`])/g, '$1');
    const computed = written.split(/\$\{[^}]*\}/);
    return isLike(wanted, written) || (computed.length > 1 && isLike(computed.map(escaped).join('.*'), title));
  });
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

describe('docs/conformance.md', () => {
  it('names for every rule a test, by file and title', () => {
    assert.ok(rows.length > 60, `only ${rows.length} rows`);
    assert.deepEqual(
      rows.filter((row) => !citationsIn(row).some(({ titles }) => titles.length > 0)),
      [],
    );
  });

  it('names tests that exist', () => {
    const missing: string[] = [];
    for (const { file, titles } of rows.flatMap(citationsIn)) {
      const full = path.join(projectRoot, file);
      const source = fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : undefined;
      if (source === undefined) missing.push(file);
      else missing.push(...titles.filter((title) => !hasTitle(source, title)).map((title) => `${file}: ${title}`));
    }
    assert.deepEqual([...new Set(missing)], []);
  });
});
