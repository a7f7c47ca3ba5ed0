import * as assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { layers, violations } from './import-rules';
import { readSources } from './sources';

const clean = {
  'src/session/records.ts': 'export interface SessionRecord { type: string }',
  'src/session/session.ts': "import { SessionRecord } from './records';",
  'src/store/session-store.ts':
    "import type { SessionRecord } from '../session/records';\nimport * as fs from 'node:fs';",
  'src/index.ts': "export * from './session/session';",
  'nodes/mqtt-persistent.ts': "import { session } from '../src';\nimport type { NodeAPI } from 'node-red';",
};

/** The violations of the clean tree with some files replaced or added. */
function violationsWith(files: Record<string, string>): string[] {
  return violations(new Map(Object.entries({ ...clean, ...files })));
}

function assertViolation(files: Record<string, string>, expected: RegExp): void {
  const found = violationsWith(files);
  assert.ok(
    found.some((violation) => expected.test(violation)),
    `expected a violation ${expected}, found: ${found.join('; ') || 'none'}`,
  );
}

describe('import directions', () => {
  it('hold in src and nodes', () => {
    const sources = readSources(['src', 'nodes'], ['.ts']);
    assert.ok(sources.size > 0, 'no sources found');
    assert.deepEqual(violations(sources), []);
  });

  it('know every folder of src', () => {
    const folders = [...readSources(['src'], ['.ts']).keys()]
      .map((file) => file.split('/'))
      .filter((parts) => parts.length > 2)
      .map((parts) => parts[1]);
    assert.deepEqual(
      [...new Set(folders)].filter((folder) => folder === undefined || !(folder in layers)),
      [],
    );
  });

  describe('the check itself', () => {
    it('accepts a tree that follows the rules', () => {
      assert.deepEqual(violationsWith({}), []);
    });

    it('finds a session that imports another layer, even as a type', () => {
      const text = "import type { Store } from '../store/session-store';";
      assertViolation({ 'src/session/session.ts': text }, /src\/session\/session\.ts.*src\/store\/session-store\.ts/);
    });

    it('finds Node built-ins and packages in the session', () => {
      assertViolation({ 'src/session/session.ts': "import * as fs from 'node:fs';" }, /session\.ts.*node:fs/);
      assertViolation({ 'src/session/session.ts': "import { now } from 'fs';" }, /session\.ts.*fs/);
      assertViolation(
        { 'src/session/session.ts': "import { parser } from 'mqtt-packet';" },
        /session\.ts.*mqtt-packet/,
      );
    });

    it('finds a store that imports values from the session', () => {
      for (const text of [
        "import { SessionRecord } from '../session/records';",
        "import { type SessionRecord, apply } from '../session/records';",
        "export { SessionRecord } from '../session/records';",
        "const records = require('../session/records');",
        "const records = await import('../session/records');",
        "import '../session/records';",
      ]) {
        assertViolation({ 'src/store/session-store.ts': text }, /session-store\.ts.*only types/);
      }
    });

    it('accepts every form of a type import', () => {
      for (const text of [
        "import { type SessionRecord } from '../session/records';",
        "import type {\n  SessionRecord,\n} from '../session/records';",
        "export type { SessionRecord } from '../session/records';",
        "type Late = import('../session/records').SessionRecord;",
        "// import { SessionRecord } from '../session/records';",
      ]) {
        assert.deepEqual(violationsWith({ 'src/store/session-store.ts': text }), []);
      }
    });

    it('finds a library that imports the nodes or Node-RED', () => {
      assertViolation({ 'src/index.ts': "import '../nodes/mqtt-persistent';" }, /src\/index\.ts.*nodes\//);
      assertViolation({ 'src/index.ts': "import type { NodeAPI } from 'node-red';" }, /src\/index\.ts.*node-red/);
      assertViolation({ 'src/index.ts': "import { util } from '@node-red/util';" }, /src\/index\.ts.*@node-red\/util/);
    });

    it('finds a cycle between files', () => {
      assertViolation(
        {
          'src/session/a.ts': "import { b } from './b';",
          'src/session/b.ts': "import { c } from './c';",
          'src/session/c.ts': "import type { a } from './a';",
        },
        /cycle: src\/session\/a\.ts -> src\/session\/b\.ts -> src\/session\/c\.ts -> src\/session\/a\.ts/,
      );
    });

    it('finds an import of a file that does not exist, or outside src and nodes', () => {
      assertViolation({ 'src/index.ts': "import { gone } from './gone';" }, /src\/index\.ts.*\.\/gone/);
      assertViolation({ 'src/index.ts': "import { wait } from '../test/support/wait';" }, /src\/index\.ts.*test/);
    });
  });
});
