import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as vm from 'node:vm';
import { OWN_FIELDS, typesFor } from '../../src/convert';

const root = path.resolve(__dirname, '..', '..');
type Defaults = Record<string, { value?: unknown }>;

/** The fields of the node types that the scripts of editor files register, read by running them. */
function registered(...files: string[]): Record<string, Defaults> {
  const types: Record<string, Defaults> = {};
  const anything: unknown = new Proxy(() => anything, { get: () => anything });
  const RED = new Proxy(
    {
      nodes: {
        registerType: (type: string, { defaults }: { defaults: Defaults }) => {
          types[type] = defaults;
        },
      },
      _: (key: string) => key,
    },
    { get: (target, name) => Reflect.get(target, name) ?? anything },
  );
  const context = vm.createContext({ RED, $: anything, TextEncoder, URL });
  vm.runInContext('globalThis.window = globalThis', context);
  for (const file of files) {
    const html = fs.readFileSync(file, 'utf8');
    for (const [, script] of html.matchAll(/<script type="text\/javascript">(.*?)<\/script>/gs)) {
      vm.runInContext(String(script), context, { filename: file });
    }
  }
  return types;
}

describe('the fields that only persistent nodes have', () => {
  const core = registered(require.resolve('@node-red/nodes/core/network/10-mqtt.html'));
  const persistent = registered(
    path.join(root, 'nodes', 'shared', 'edit.html'),
    path.join(root, 'nodes', 'mqtt-persistent-broker', 'edit-messages.html'),
    ...['in', 'out', 'broker'].map((role) => path.join(root, 'nodes', `mqtt-persistent-${role}`, 'edit.html')),
  );
  const { from, to } = typesFor('to-persistent');

  for (const role of ['in', 'out', 'broker'] as const) {
    it(`are known for the ${role} node, with their defaults`, () => {
      const theirs = Object.keys(core[from[role]] ?? {});
      const own = Object.entries(persistent[to[role]] ?? {}).filter(([field]) => !theirs.includes(field));
      assert.deepEqual(OWN_FIELDS[role], Object.fromEntries(own.map(([field, { value }]) => [field, value ?? ''])));
    });

    it(`are all that the ${role} node has more, and it has no fewer`, () => {
      const ours = Object.keys(persistent[to[role]] ?? {});
      assert.deepEqual(
        Object.keys(core[from[role]] ?? {}).filter((field) => !ours.includes(field)),
        [],
      );
      assert.ok(ours.length >= 9);
    });
  }
});
