import assert from 'node:assert/strict';
import type { FlowNode } from '../nodes/flow';
import { within } from '../support/wait';
import type { Difference } from './differences';
import { type Implementation, Stage, type StageOptions, type Version } from './stage';

/** One line of the contract. */
export interface Row {
  title: string;
  /** Where it applies, of the scene's versions. */
  versions?: readonly Version[];
  /** Does what the line is about, and answers what others can see of it. */
  run(stage: Stage): Promise<unknown>;
  /** A deliberate difference, with both outcomes. Absent: the outcomes are the same. */
  differs?: { by: Difference['id']; core: unknown; ours: unknown };
}

/** Rows that share one flow, and run in it one after another. */
export interface Scene {
  title: string;
  versions: readonly Version[];
  options?: Omit<StageOptions, 'version'>;
  nodes(stage: Stage): FlowNode[] | Promise<FlowNode[]>;
  /** Waits until the flow can be used. */
  ready(stage: Stage): Promise<void>;
  rows: readonly Row[];
  /** After a stage has ended, also when it failed. */
  done?(): Promise<void>;
}

/** A row that waits for what never comes leaves the others their turn. */
const ROW_TIMEOUT_MS = 12_000;

const IMPLEMENTATIONS: readonly Implementation[] = ['core', 'ours'];

/** Declares the tests of a scene: one per row and version. */
export function compare(scene: Scene): void {
  for (const version of scene.versions) {
    describe(`${scene.title}, MQTT ${{ 3: '3.1', 4: '3.1.1', 5: '5' }[version]}`, function () {
      this.timeout(60_000);
      const rows = scene.rows.filter((row) => row.versions?.includes(version) ?? true);
      const outcomes = new Map<string, unknown>();
      before(async () => {
        for (const implementation of IMPLEMENTATIONS) {
          const stage = await Stage.start(implementation, (started) => scene.nodes(started), {
            ...scene.options,
            version,
          });
          try {
            await scene.ready(stage);
            for (const row of rows) outcomes.set(`${implementation} ${row.title}`, await outcomeOf(row, stage));
          } finally {
            await stage.stop();
            await scene.done?.();
          }
        }
      });
      for (const row of rows) {
        it(row.title, () => {
          const core = outcomes.get(`core ${row.title}`);
          const ours = outcomes.get(`ours ${row.title}`);
          for (const outcome of [core, ours]) if (outcome instanceof Error) throw outcome;
          assert.ok(core !== undefined && ours !== undefined, 'the row did not run');
          if (row.differs === undefined) {
            assert.deepEqual(ours, core);
          } else {
            assert.deepEqual(core, row.differs.core);
            assert.deepEqual(ours, row.differs.ours);
          }
        });
      }
    });
  }
}

/** One row that fails leaves the others their turn. */
async function outcomeOf(row: Row, stage: Stage): Promise<unknown> {
  try {
    return await within(row.run(stage), ROW_TIMEOUT_MS, `${stage.implementation}: "${row.title}"`);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
