/**
 * npm run compare -- [--subject NAME ...] [--runs N] [--seed S] [--rounds R] [--json]
 *
 * This package, Node-RED's own MQTT nodes alone, and the queue packages in front of them, each through the same
 * schedule of kills and outages. Run n of all subjects has the seed S + n - 1. Prints a table, or with --json a line for
 * each subject. What the others lose fails nothing; a message that this package reported done and lost does.
 */
import { parseArgs } from 'node:util';
import { provenance, provenanceLine } from '../../support/provenance';
import { type CompareResult, runComparison } from './comparison';
import { BEFORE_KILL_MS, type StreamFigures, sumOf } from './figures';
import { makeSchedule, type RoundKind } from './schedule';
import { subjects, versionOf } from './subjects';

const { values } = parseArgs({
  options: {
    subject: { type: 'string', multiple: true, default: Object.keys(subjects) },
    runs: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

interface Line extends CompareResult {
  subject: string;
  title: string;
  version: string;
}

async function main(): Promise<number> {
  const [runs, seed] = [Number(values.runs), Number(values.seed)];
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  const unknown = values.subject.filter((name) => !Object.hasOwn(subjects, name));
  if (
    !(Number.isInteger(runs) && runs >= 1) ||
    !Number.isInteger(seed) ||
    !(rounds === undefined || (Number.isInteger(rounds) && rounds >= 1)) ||
    unknown.length > 0
  ) {
    console.error(`--runs, --seed and --rounds are whole numbers; --subject is of ${Object.keys(subjects).join(', ')}`);
    return 2;
  }
  const nodeRed = versionOf({ title: 'Node-RED' });
  console.error(`seed ${seed}, ${runs} runs, Node-RED ${nodeRed}; ${provenanceLine()}`);
  const lines: Line[] = [];
  for (const name of values.subject) {
    const line = await runSubject(name, { runs, seed, rounds });
    if (line === undefined) continue;
    lines.push(line);
    if (values.json) console.log(JSON.stringify({ ...line, runs, seed, nodeRed, ...provenance() }));
  }
  if (!values.json && lines.length > 0)
    console.log(`${table(lines)}\n\nSeed ${seed}, ${runs} runs; Node-RED ${nodeRed}; ${provenanceLine()}`);
  return lines.some(({ subject, lostThoughDone }) => subjects[subject]?.own && lostThoughDone > 0) ? 1 : 0;
}

/** @returns undefined when the package is not installed, after saying so. */
async function runSubject(
  name: string,
  { runs, seed, rounds }: { runs: number; seed: number; rounds: number | undefined },
): Promise<Line | undefined> {
  const subject = subjects[name];
  const version = subject && versionOf(subject);
  if (subject === undefined || version === undefined) {
    console.error(`${name}: absent, ${subject?.peer} is not installed`);
    return undefined;
  }
  let total: CompareResult | undefined;
  for (let run = 0; run < runs; run++) {
    const result = await runComparison({
      subject,
      schedule: makeSchedule(seed + run, rounds),
      progress: (line) => console.error(`${name}, seed ${seed + run}: ${line}`),
    });
    console.error(`${name}, seed ${seed + run}: ${JSON.stringify(result)}`);
    total = total === undefined ? result : added(total, result);
  }
  return total && { subject: name, title: subject.title, version, ...total };
}

function added(one: CompareResult, other: CompareResult): CompareResult {
  const rates = [one.burstPerSecond, other.burstPerSecond].filter((rate) => rate !== undefined);
  return {
    ...sumOf(one, other),
    kills: one.kills + other.kills,
    outages: one.outages + other.outages,
    // The better one: what else the machine did is nobody's merit.
    burstPerSecond: rates.length === 0 ? undefined : Math.max(...rates),
    seconds: one.seconds + other.seconds,
  };
}

/** Markdown, as it stands in docs/comparison.md. */
function table(lines: readonly Line[]): string {
  const cell = ({ lost, doubled }: StreamFigures) => `${lost} / ${doubled}`;
  const rows = lines.map((line) =>
    [
      `${line.title}, ${line.version}`,
      cell(line.out.qos1),
      cell(line.out.qos2),
      `${line.lostBeforeKill}`,
      `${line.lostThoughDone}`,
      cell(line.in.qos1),
      cell(line.in.qos2),
      line.burstPerSecond === undefined ? 'not in 30 s' : String(Math.round(line.burstPerSecond)),
    ].join(' | '),
  );
  const kinds = [...new Set(lines.flatMap(({ lostIn }) => Object.keys(lostIn) as RoundKind[]))].sort();
  const byKind = lines.map(({ title, lostIn }) => [title, ...kinds.map((kind) => lostIn[kind] ?? 0)].join(' | '));
  const [first] = lines as [Line];
  const given = ({ given: count }: StreamFigures) => count;
  return [
    `| lost / doubled | out, QoS 1 | out, QoS 2 | lost: given ${BEFORE_KILL_MS} ms before a kill | lost: reported done ` +
      '| in, QoS 1 | in, QoS 2 | burst, messages/s |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map((row) => `| ${row} |`),
    '',
    `| lost, out, given in a round of | ${kinds.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(kinds.length)}`,
    ...byKind.map((row) => `| ${row} |`),
    '',
    `${first.kills} kills and ${first.outages} outages each; the first was given ${given(first.out.qos1)} messages at ` +
      `QoS 1 and ${given(first.out.qos2)} at QoS 2, and ${given(first.in.qos1)} and ${given(first.in.qos2)} were published to it.`,
  ].join('\n');
}

void main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
