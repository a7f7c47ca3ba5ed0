import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { RecordKind } from '../../src/session/records';
import { layers } from '../architecture/import-rules';
import { readSources, root } from '../architecture/sources';
import { codeBlocks } from './code-blocks';

const diagrams = codeBlocks().filter(({ language }) => language === 'mermaid');
const starting = (kind: string) => diagrams.filter(({ text }) => text.startsWith(kind));

/** Layers that are drawn: the others are small tools, declarations, or the main export, which all may use. */
const drawn = Object.keys(layers).filter((name) => !['errors', 'scheduler', 'in-turn', 'ports', '.'].includes(name));

describe('the diagrams of the architecture', () => {
  it('are the layers, and the ways of a message', () => {
    assert.deepEqual([starting('flowchart').length, starting('sequenceDiagram').length], [1, 2]);
    assert.equal(diagrams.length, 3);
  });

  it('draw the layers as the table of imports has them', () => {
    const text = starting('flowchart')[0]?.text ?? '';
    const arrows = [...text.matchAll(/^ {2}(\w+) (-->|-\. types \.->) (\w+)$/gm)].map(([, from, kind, to]) => ({
      from: String(from),
      to: String(to),
      isTypes: kind !== '-->',
    }));
    assert.equal(arrows.length, text.trim().split('\n').length - 1, 'lines that are no arrows');
    for (const { from, to, isTypes } of arrows) {
      const layer = layers[from];
      assert.ok((isTypes ? layer?.types : layer?.values)?.includes(to), `${from} to ${to} is not in the table`);
    }
    const reached = (from: string): string[] =>
      arrows.filter((arrow) => arrow.from === from).flatMap(({ to }) => [to, ...reached(to)]);
    for (const from of drawn) {
      const allowed = [...(layers[from]?.values ?? []), ...(layers[from]?.types ?? [])];
      const missing = allowed.filter((to) => drawn.includes(to) && !reached(from).includes(to));
      assert.deepEqual(missing, [], `${from} may import what no arrow leads to`);
    }
  });

  for (const { text } of starting('sequenceDiagram')) {
    const participants = [...text.matchAll(/participant (\w+) as (\S+)/g)].map(([, , place = '']) => place);
    it(`name parts, records and packets that there are: the way that begins at ${participants[0]}`, () => {
      for (const place of participants) assert.ok(fs.existsSync(path.join(root, place)), place);
      const records = [...text.matchAll(/\bappend ([A-Z]\w+)/g)].map(([, name = '']) => name);
      assert.ok(records.length >= 2);
      for (const name of records) assert.ok(name in RecordKind, name);
      const packets = new Set([...text.matchAll(/\b(PUB[A-Z]*)\b/g)].map(([, name = '']) => name));
      const sources = [...readSources(['src/session'], ['.ts']).values()].join('\n');
      for (const packet of packets) assert.ok(sources.includes(`'${packet.toLowerCase()}'`), packet);
    });
  }
});
