import * as assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { readSources } from '../architecture/sources';

interface FlowNode {
  id: string;
  type: string;
  z?: string;
}

/** The node types that the editor parts register, with their palette category. */
function registeredTypes(): Map<string, string> {
  const registration =
    /RED\.nodes\.registerType\(\s*['"]([^'"]+)['"]\s*,\s*\{[\s\S]*?\bcategory\s*:\s*['"]([^'"]+)['"]/g;
  const texts = [...readSources(['nodes'], ['edit.html']).values()];
  return new Map(
    texts.flatMap((text) => [...text.matchAll(registration)].map(([, type = '', category = '']) => [type, category])),
  );
}

describe('examples', () => {
  const flows = [...readSources(['examples'], ['.json'])].map(([file, text]) => ({
    file,
    nodes: JSON.parse(text) as FlowNode[],
  }));
  const types = registeredTypes();

  it('use every node type that stands in the palette', () => {
    const palette = [...types].filter(([, category]) => category !== 'config').map(([type]) => type);
    const used = new Set(flows.flatMap(({ nodes }) => nodes.map(({ type }) => type)));
    assert.deepEqual(
      palette.filter((type) => !used.has(type)),
      [],
    );
  });

  it('use no node of this package that does not exist', () => {
    const unknown = flows.flatMap(({ file, nodes }) =>
      nodes
        .filter(({ type }) => /^mqtt-(?:persistent|session)/.test(type) && !types.has(type))
        .map(({ type }) => `${file}: ${type}`),
    );
    assert.deepEqual(unknown, []);
  });

  it('can be imported: unique ids, and each node on a tab of the same file', () => {
    for (const { file, nodes } of flows) {
      const ids = nodes.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, `${file}: an id is used twice`);
      const lost = nodes.filter(({ z }) => z !== undefined && z !== '' && !ids.includes(z));
      assert.deepEqual(lost, [], `${file}: nodes on a tab that is not there`);
    }
  });
});
