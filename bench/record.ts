import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { svgOf } from './chart';
import { type BenchmarkResult, isMet } from './result';

const ROOT = join(__dirname, '..');
const PAGE = join(ROOT, 'docs', 'performance.md');
const RESULTS = join(ROOT, 'docs', 'performance', 'results.json');

interface Recorded extends BenchmarkResult {
  machine: string;
  /** The day it was measured, YYYY-MM-DD. */
  measured: string;
}

/**
 * Keeps results for the page: `docs/performance/results.json`, a chart for each that has one (`charts`: the folder), and
 * the parts of `docs/performance.md` between `<!-- bench:<name> -->` and `<!-- /bench:<name> -->`. A benchmark that was
 * not run now stays as it is.
 */
export async function record(results: readonly BenchmarkResult[], machine: string, charts: string): Promise<void> {
  const before = JSON.parse(await readFile(RESULTS, 'utf8').catch(whereMissing('[]'))) as Recorded[];
  const measured = new Date().toISOString().slice(0, 10);
  const now: Recorded[] = results.map((result) => ({ ...result, machine, measured }));
  const kept = before.filter(({ benchmark }) => !now.some((result) => result.benchmark === benchmark));
  const all = [...kept, ...now].sort((one, other) => (one.benchmark < other.benchmark ? -1 : 1));
  await mkdir(join(ROOT, 'docs', 'performance'), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
  await drawCharts(all, machine, charts);
  await fillPage(all);
}

/** Writes a chart for each result that has one. */
export async function drawCharts(results: readonly BenchmarkResult[], machine: string, folder: string): Promise<void> {
  await mkdir(join(ROOT, folder), { recursive: true });
  for (const { benchmark, chart } of results) {
    if (chart !== undefined) await writeFile(join(ROOT, folder, `${benchmark}.svg`), svgOf(chart, machine));
  }
}

async function fillPage(all: readonly Recorded[]): Promise<void> {
  let page = await readFile(PAGE, 'utf8');
  const parts = new Map([
    ...all.map((result) => [result.benchmark, partOf(result)] as const),
    ['targets', targetsOf(all)],
  ]);
  for (const [name, text] of parts) {
    const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
    const from = page.indexOf(begin);
    const to = page.indexOf(end);
    if (from < 0 || to < from) throw new Error(`${PAGE} has no ${begin} ... ${end}`);
    page = `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
  }
  await writeFile(PAGE, page);
}

function partOf({ what, table, failed = {}, figures = {}, machine, measured }: Recorded): string {
  const lines = [`${what[0]?.toUpperCase()}${what.slice(1)}. Measured ${measured}: ${machine}.`];
  const rows = Object.entries(table);
  if (rows.length > 0) {
    const columns = [...new Set(rows.flatMap(([, row]) => Object.keys(row)))];
    lines.push('', `| | ${columns.join(' | ')} |`, `| --- |${' ---: |'.repeat(columns.length)}`);
    for (const [name, row] of rows)
      lines.push(`| ${name} | ${columns.map((column) => shown(row[column])).join(' | ')} |`);
  }
  const single = Object.entries(figures);
  if (single.length > 0) lines.push('', ...single.map(([name, value]) => `- ${name}: ${shown(value)}`));
  const absent = Object.entries(failed);
  if (absent.length > 0) lines.push('', ...absent.map(([name, reason]) => `- \`${name}\` did not complete: ${reason}`));
  return lines.join('\n');
}

function targetsOf(all: readonly Recorded[]): string {
  const lines = ['| benchmark | figure | target | measured | |', '| --- | --- | ---: | ---: | --- |'];
  for (const { benchmark, targets = [] } of all) {
    for (const target of targets) {
      const bound = target.atLeast === undefined ? `at most ${target.atMost}` : `at least ${target.atLeast}`;
      const met = isMet(target);
      const verdict = met === undefined ? 'not measured' : met ? 'met' : '**missed**';
      lines.push(`| \`${benchmark}\` | ${target.what} | ${bound} | ${shown(target.value)} | ${verdict} |`);
    }
  }
  return lines.join('\n');
}

function shown(value: number | string | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'number' && Math.abs(value) >= 1_000 ? value.toLocaleString('en-US') : String(value);
}

function whereMissing(text: string): (error: NodeJS.ErrnoException) => string {
  return (error) => {
    if (error.code !== 'ENOENT') throw error;
    return text;
  };
}
