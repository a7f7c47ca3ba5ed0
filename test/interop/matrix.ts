import type { Broker, BrokerKind } from './brokers/broker';
import type { Deviation, KnownDeviation } from './deviation';
import type { Scenario } from './scenarios/scenario';
import { Stage } from './stage';

/** One cell of the matrix. */
export interface Cell {
  broker: BrokerKind['name'];
  version: 4 | 5;
  scenario: string;
  /** `held`: as expected. `deviates`: not, and each deviation is explained. `failed`: one is not. `skipped`: not played. */
  outcome: 'held' | 'deviates' | 'failed' | 'skipped';
  deviations: (Deviation & { known: KnownDeviation | undefined })[];
  seconds: number;
}

const SCENARIO_TIMEOUT_MS = 180_000;
const VERSIONS = [4, 5] as const;

/** Plays the scenarios against one broker, in their order, in both versions of MQTT. */
export async function playBroker(
  kind: BrokerKind,
  scenarios: readonly Scenario[],
  known: readonly KnownDeviation[],
  tell: (cell: Cell) => void,
): Promise<Cell[]> {
  const cells: Cell[] = [];
  const broker = kind.make();
  try {
    await broker.start();
    for (const version of VERSIONS) {
      let refused = false;
      for (const scenario of scenarios) {
        const skipped: boolean = refused || !applies(scenario, kind, version);
        const cell: Cell = skipped ? skip(kind, version, scenario) : await play(kind, broker, version, scenario, known);
        refused ||= cell.deviations.some(({ name }) => name === 'version-refused');
        cells.push(cell);
        tell(cell);
      }
    }
  } finally {
    await broker.remove();
  }
  return cells;
}

function applies({ needsQoS2, version: only }: Scenario, { maximumQoS }: BrokerKind, version: 4 | 5): boolean {
  return (only === undefined || only === version) && !(needsQoS2 && maximumQoS < 2);
}

function skip({ name: broker }: BrokerKind, version: 4 | 5, { name: scenario }: Scenario): Cell {
  return { broker, version, scenario, outcome: 'skipped', deviations: [], seconds: 0 };
}

async function play(
  { name, maximumQoS }: BrokerKind,
  broker: Broker,
  version: 4 | 5,
  scenario: Scenario,
  known: readonly KnownDeviation[],
): Promise<Cell> {
  const startedAt = performance.now();
  const stage = await Stage.open(scenario.name, broker, version, maximumQoS);
  let timer: NodeJS.Timeout | undefined;
  try {
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`not over after ${SCENARIO_TIMEOUT_MS} ms`)), SCENARIO_TIMEOUT_MS);
    });
    await Promise.race([scenario.play(stage), timeout]);
  } catch (error) {
    stage.deviates('failed', (error as Error).message);
  } finally {
    clearTimeout(timer);
    try {
      await stage.close();
    } catch (error) {
      stage.deviates('failed', (error as Error).message);
    }
  }
  const deviations = stage.deviations.map((deviation) => ({
    ...deviation,
    known: known.find((row) => explains(row, deviation, name, version, scenario.name)),
  }));
  const outcome =
    deviations.length === 0 ? 'held' : deviations.every((one) => one.known !== undefined) ? 'deviates' : 'failed';
  const seconds = (performance.now() - startedAt) / 1000;
  return { broker: name, version, scenario: scenario.name, outcome, deviations, seconds };
}

export function explains(
  row: KnownDeviation,
  { name }: Deviation,
  broker: string,
  version: 4 | 5,
  scenario: string,
): boolean {
  // What the client or the harness does wrong is explained by no broker.
  if (name === 'rule-broken' || name === 'doubled' || name === 'failed') return false;
  return (
    [row.broker].flat().some((one) => one === broker) &&
    (row.version === undefined || row.version === version) &&
    row.scenarios.includes(scenario) &&
    row.names.includes(name)
  );
}

/** Rows of the table that explain nothing that was seen although they should show in every run. */
export function unseen(cells: readonly Cell[], known: readonly KnownDeviation[]): KnownDeviation[] {
  const seen = new Set(cells.flatMap((cell) => cell.deviations.map((deviation) => deviation.known)));
  const played = (row: KnownDeviation) =>
    cells.some(
      (cell) =>
        cell.outcome !== 'skipped' &&
        [row.broker].flat().some((broker) => broker === cell.broker) &&
        (row.version === undefined || row.version === cell.version) &&
        row.scenarios.includes(cell.scenario),
    );
  return known.filter((row) => !row.sometimes && played(row) && !seen.has(row));
}

/** As a table of Markdown: `yes`, the numbers of the deviations in `known`, `FAILED`, or `-` for what was not played. */
export function matrixTable(
  cells: readonly Cell[],
  scenarios: readonly Scenario[],
  known: readonly KnownDeviation[],
): string {
  const columns = [...new Set(cells.map(({ broker, version }) => `${broker} ${version === 4 ? '3.1.1' : '5'}`))];
  const text = (cell: Cell | undefined) => {
    if (cell === undefined || cell.outcome === 'skipped') return '-';
    if (cell.outcome === 'held') return 'yes';
    if (cell.outcome === 'failed') return 'FAILED';
    const rows = new Set(cell.deviations.map((deviation) => known.indexOf(deviation.known as KnownDeviation) + 1));
    return [...rows]
      .sort((a, b) => a - b)
      .map((row) => `[${row}]`)
      .join(' ');
  };
  const cellFor = (scenario: string, column: string) =>
    cells.find(
      (cell) => cell.scenario === scenario && `${cell.broker} ${cell.version === 4 ? '3.1.1' : '5'}` === column,
    );
  return [
    `| scenario | ${columns.join(' | ')} |`,
    `| --- | ${columns.map(() => '---').join(' | ')} |`,
    ...scenarios
      .filter(({ name }) => cells.some(({ scenario }) => scenario === name))
      .map(({ name }) => `| ${name} | ${columns.map((column) => text(cellFor(name, column))).join(' | ')} |`),
  ].join('\n');
}
