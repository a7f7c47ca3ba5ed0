/** The harness itself, on a broker that tests have anyway. All brokers and scenarios: npm run interop. */
import * as assert from 'node:assert/strict';
import { BROKERS } from './brokers';
import type { KnownDeviation } from './deviation';
import { KNOWN_DEVIATIONS } from './known-deviations';
import { type Cell, explains, matrixTable, playBroker, unseen } from './matrix';
import { SCENARIOS } from './scenarios';
import type { Scenario } from './scenarios/scenario';

describe('the matrix of brokers and scenarios', function () {
  this.timeout(60_000);
  const mosquitto = BROKERS.filter(({ name }) => name === 'mosquitto');

  function scenario(name: string, play: Scenario['play']): Scenario {
    return { name, shows: '', play };
  }

  async function played(scenarios: readonly Scenario[], known: readonly KnownDeviation[] = []): Promise<Cell[]> {
    const cells: Cell[] = [];
    for (const broker of mosquitto) await playBroker(broker, scenarios, known, (cell) => cells.push(cell));
    return cells;
  }

  it('plays real scenarios in both versions of MQTT', async () => {
    const chosen = SCENARIOS.filter(({ name }) => ['connect', 'publish-qos2', 'adoption', 'properties'].includes(name));
    const cells = await played(chosen);
    const outcomes = cells.map(({ version, scenario: name, outcome }) => `${version} ${name} ${outcome}`);
    const both = ['connect', 'publish-qos2', 'adoption'];
    assert.deepEqual(
      outcomes.sort(),
      [
        ...both.map((name) => `4 ${name} held`).sort(),
        '4 properties skipped',
        ...both.map((name) => `5 ${name} held`).sort(),
        '5 properties held',
      ].sort(),
    );
    assert.match(matrixTable(cells, chosen, []), /\| properties \| - \| yes \|/);
  });

  it('fails for a deviation that the table does not explain, and for an explanation that nothing shows', async () => {
    const forgets = scenario('forgets', async (stage) => stage.deviates('session-forgotten', 'Session Present 0'));
    const breaks = scenario('breaks', async () => {
      throw new Error('cannot go on');
    });
    const row = { broker: 'mosquitto', does: '', follows: '' } as const;
    const known: KnownDeviation[] = [
      { ...row, version: 4, scenarios: ['forgets'], names: ['session-forgotten'] },
      { ...row, scenarios: ['forgets'], names: ['missing'] },
      { ...row, scenarios: ['breaks'], names: ['failed'] },
    ];
    const cells = await played([forgets, breaks], known);
    assert.deepEqual(
      cells.map(({ outcome }) => outcome),
      ['deviates', 'failed', 'failed', 'failed'],
    );
    assert.deepEqual(unseen(cells, known), [known[1], known[2]]);
    assert.match(matrixTable(cells, [forgets, breaks], known), /\| forgets \| \[1\] \| FAILED \|/);
  });

  it('never explains what the client does wrong', () => {
    const row: KnownDeviation = {
      broker: 'mosquitto',
      scenarios: ['will'],
      names: ['rule-broken', 'doubled', 'missing'],
      does: '',
      follows: '',
    };
    const explained = (name: KnownDeviation['names'][number]) =>
      explains(row, { name, detail: '' }, 'mosquitto', 4, 'will');
    assert.deepEqual([explained('rule-broken'), explained('doubled'), explained('missing')], [false, false, true]);
  });

  it('has a table that speaks of scenarios and brokers that there are', () => {
    const scenarios = SCENARIOS.map(({ name }) => name);
    const brokers = BROKERS.map(({ name }) => name);
    for (const row of KNOWN_DEVIATIONS) {
      for (const name of row.scenarios) assert.ok(scenarios.includes(name), name);
      for (const name of [row.broker].flat()) assert.ok(brokers.includes(name), name);
      assert.ok(row.does.endsWith('.') && row.follows.endsWith('.'), row.does);
    }
  });
});
