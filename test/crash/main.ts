/**
 * npm run campaign -- [--kills N] [--subject library|node-red|core] [--seed S] [--jobs J] [--json]
 *
 * The crash test with as many kills as wanted, in stretches of a few dozen, J of them side by side (default 1), each
 * with a broker and a store of its own and the seed S, S + 1, ... The first message that is lost or doubled, and the first broken rule, ends it with exit
 * code 1, the seed, the history of the message, and the folder with all logs. What else ran side by side with it is
 * finished first.
 *
 * `core` are Node-RED's own MQTT nodes in the same flow: what they lose and double is counted, and fails nothing.
 */
import { parseArgs } from 'node:util';
import { provenance, provenanceLine } from '../support/provenance';
import { type CampaignFigures, type CampaignOptions, describeFigures, runCampaign } from './harness/campaign';
import { ALL_INBOUND, startLibrarySubject } from './harness/library-subject';
import { startNodeRedSubject } from './harness/node-red-subject';
import { DECK_SIZE } from './harness/plan';

const PER_SECOND = 30;

const subjects: Readonly<Record<string, Pick<CampaignOptions, 'start' | 'lossy'>>> = {
  library: { start: startLibrarySubject(PER_SECOND) },
  'node-red': { start: startNodeRedSubject(PER_SECOND) },
  core: { start: startNodeRedSubject(PER_SECOND, 'core'), lossy: true },
};

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: String(DECK_SIZE) },
    subject: { type: 'string', default: 'library' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});

/** Stretches: the faults of a deck, or of two, come in each. */
const KILLS_AT_ONCE = 2 * DECK_SIZE;

async function main(): Promise<number> {
  const { subject: name, json } = values;
  const kills = Number(values.kills);
  const seed = values.seed === undefined ? Math.trunc(performance.timeOrigin) % 1_000_000_000 : Number(values.seed);
  const subject = Object.hasOwn(subjects, name) ? subjects[name] : undefined;
  if (
    !Number.isInteger(kills) ||
    kills < 1 ||
    !Number.isInteger(seed) ||
    !(Number(values.jobs) >= 1) ||
    subject === undefined
  ) {
    console.error(
      `--kills, --seed and --jobs are whole numbers; --subject is one of ${Object.keys(subjects).join(', ')}`,
    );
    return 2;
  }
  console.error(`${name}, ${kills} kills, seed ${seed}; ${provenanceLine()}`);
  const stretches: CampaignFigures[] = [];
  const startedAt = performance.now();
  let given = 0;
  const stretch = async (index: number, count: number) => {
    const figures = await runCampaign({
      ...subject,
      name,
      kills: count,
      seed: seed + index,
      inbound: ALL_INBOUND,
      inboundPerSecond: PER_SECOND,
      // But not its limit on queued messages: it would drop what the observer is to see.
      ...(index % 2 === 1 && { mosquitto: { defaultLimits: true, maxQueuedMessages: 1_000_000 } }),
      smallDisk: index % 4 < 2,
      progress: (line) => console.error(`${seed + index}: ${line}`),
    });
    stretches.push(figures);
    const done = stretches.reduce((sum, { kills }) => sum + kills, 0);
    console.error(`${seed + index}: ${describeFigures(figures)}\n${done} of ${kills} kills, ${seconds(startedAt)} s`);
  };
  const work = async () => {
    for (let index = Math.ceil(given / KILLS_AT_ONCE); given < kills; index = Math.ceil(given / KILLS_AT_ONCE)) {
      const count = Math.min(KILLS_AT_ONCE, kills - given);
      given += count;
      try {
        await stretch(index, count);
      } catch (error) {
        given = kills;
        console.error(error instanceof Error ? (error.stack ?? error.message) : error);
        throw error;
      }
    }
  };
  // Ended from outside: what was started ends with this process, disks are unmounted, and what is finished counts.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      report(name, seed, stretches, seconds(startedAt), json);
      process.exit(1);
    });
  }
  const results = await Promise.allSettled(Array.from({ length: Number(values.jobs) }, work));
  report(name, seed, stretches, seconds(startedAt), json);
  return results.every(({ status }) => status === 'fulfilled') ? 0 : 1;
}

function report(subject: string, seed: number, stretches: readonly CampaignFigures[], time: number, json: boolean) {
  const sum = (value: (figures: CampaignFigures) => number) =>
    stretches.reduce((total, figures) => total + value(figures), 0);
  const findings = stretches.flatMap((figures) => figures.findings);
  const count = (kind: string) => findings.filter((finding) => finding.kind === kind).length;
  const toArrive = sum(({ doneToArrive }) => doneToArrive);
  const published = sum((figures) => figures.published);
  const handed = sum(({ handedToArrive }) => handedToArrive);
  const neverArrived = sum((figures) => figures.neverArrived);
  const result = {
    subject,
    kills: sum(({ kills }) => kills),
    brokerKills: sum(({ brokerKills }) => brokerKills),
    outages: sum(({ outages }) => outages),
    halfOpen: sum(({ halfOpen }) => halfOpen),
    brokerRestarts: sum(({ brokerRestarts }) => brokerRestarts),
    sessionsLost: sum(({ sessionsLost }) => sessionsLost),
    fullDisks: sum(({ fullDisks }) => fullDisks),
    slowLinks: sum(({ slowLinks }) => slowLinks),
    killsWhileStarting: sum(({ killsWhileStarting }) => killsWhileStarting),
    messages: toArrive + published,
    reportedDone: toArrive,
    published,
    lost: count('lost-out') + count('lost-in'),
    lostOut: count('lost-out'),
    lostIn: count('lost-in'),
    doubled: count('doubled-out') + count('doubled-in') + count('invented-in'),
    doubledOut: count('doubled-out'),
    doubledIn: count('doubled-in'),
    outOfOrder: count('disorder-out') + count('disorder-in'),
    violations: sum(({ violations }) => violations),
    handedToOutNode: handed,
    handedNeverArrived: neverArrived,
    handedNeverArrivedPercent: percent(neverArrived, handed),
    lostInPercent: percent(count('lost-in'), published),
    repeatedInQoS2: sum(({ repeatedQoS2 }) => repeatedQoS2),
    lostByBroker: sum(({ brokersFault }) => brokersFault.lost),
    doubledByBroker: sum(({ brokersFault }) => brokersFault.doubled),
    republishedAfterLostSession: sum(({ brokersFault }) => brokersFault.republished),
    seconds: time,
    seed,
    ...provenance(),
  };
  if (json) console.log(JSON.stringify(result));
  else console.table(result);
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 100;
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 1000);
}

void main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: Error) => {
    console.error(error.stack ?? error.message);
    process.exitCode = 1;
  },
);
