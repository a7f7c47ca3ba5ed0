/**
 * npm run interop -- [--brokers mosquitto,nats] [--scenarios will,adoption] [--at-once 3]
 *
 * The library against real brokers. Prints a matrix, the deviations of each broker, and a line of JSON. Exit codes: 0
 * every deviation is in the table of known-deviations.ts, 1 one is not (or one of the table did not show), 2 wrong
 * arguments.
 */
import { parseArgs } from 'node:util';
import { provenance } from '../support/provenance';
import { BROKERS } from './brokers';
import { KNOWN_DEVIATIONS } from './known-deviations';
import { type Cell, matrixTable, playBroker, unseen } from './matrix';
import { SCENARIOS } from './scenarios';

const { values } = parseArgs({
  options: {
    brokers: { type: 'string' },
    scenarios: { type: 'string' },
    'at-once': { type: 'string', default: '3' },
  },
});

/** Those named in a list with commas; all without a list. Undefined: a name is unknown. */
function choose<T extends { name: string }>(all: readonly T[], list: string | undefined): T[] | undefined {
  if (list === undefined) return [...all];
  const names = list.split(',');
  const chosen = all.filter(({ name }) => names.includes(name));
  if (chosen.length === names.length) return chosen;
  console.error(`unknown: ${names.filter((name) => !all.some((one) => one.name === name)).join(', ')}`);
  console.error(`there are: ${all.map(({ name }) => name).join(', ')}`);
  return undefined;
}

function tell({ broker, version, scenario, outcome, deviations, seconds }: Cell): void {
  if (outcome === 'skipped') return;
  console.error(`${broker} ${version === 4 ? '3.1.1' : '5'} ${scenario}: ${outcome} (${seconds.toFixed(1)} s)`);
  for (const { name, detail, known } of deviations) {
    console.error(`    ${known ? `[${KNOWN_DEVIATIONS.indexOf(known) + 1}]` : 'NOT EXPLAINED'} ${name}: ${detail}`);
  }
}

async function main(): Promise<number> {
  const brokers = choose(BROKERS, values.brokers);
  const scenarios = choose(SCENARIOS, values.scenarios);
  if (brokers === undefined || scenarios === undefined) return 2;
  const atOnce = Number(values['at-once']);
  if (!Number.isInteger(atOnce) || atOnce < 1) {
    console.error('--at-once is a number');
    return 2;
  }
  const played = new Map<string, Cell[]>();
  const waiting = [...brokers];
  const player = async () => {
    for (let broker = waiting.shift(); broker !== undefined; broker = waiting.shift()) {
      console.error(`${broker.title}, ${broker.version() ?? 'version unknown'}`);
      played.set(broker.name, await playBroker(broker, scenarios, KNOWN_DEVIATIONS, tell));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, player));
  const cells = brokers.flatMap(({ name }) => played.get(name) ?? []);
  console.log(matrixTable(cells, scenarios, KNOWN_DEVIATIONS));
  const seen = new Set(cells.flatMap(({ deviations }) => deviations.map(({ known }) => known)));
  KNOWN_DEVIATIONS.forEach((row, index) => {
    if (seen.has(row)) console.log(`[${index + 1}] ${[row.broker].flat().join(', ')}: ${row.does} ${row.follows}`);
  });
  const stale = unseen(cells, KNOWN_DEVIATIONS);
  for (const row of stale) console.error(`NOT SEEN: [${KNOWN_DEVIATIONS.indexOf(row) + 1}] ${row.does}`);
  const count = (outcome: Cell['outcome']) => cells.filter((cell) => cell.outcome === outcome).length;
  const failed = count('failed');
  console.log(
    JSON.stringify({
      interoperability: failed === 0 && stale.length === 0 ? 'held' : 'not held',
      brokers: Object.fromEntries(brokers.map((broker) => [broker.name, broker.version()])),
      held: count('held'),
      deviates: count('deviates'),
      failed,
      notPlayed: count('skipped'),
      notSeen: stale.length,
      ...provenance(),
    }),
  );
  return failed === 0 && stale.length === 0 ? 0 : 1;
}

void main().then(
  (exitCode) => process.exit(exitCode),
  (error: Error) => {
    console.error(error.stack);
    process.exit(1);
  },
);
