import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ACTION_NAMES } from '../../nodes/mqtt-session-admin/actions';
import * as library from '../../src/index';
import { readSources, root } from '../architecture/sources';

const pages = ['docs/specification.md', 'docs/operations.md'] as const;
const texts = readSources(['docs'], ['.md']);
const errorCodes = fs.readFileSync(path.join(root, 'src/errors.ts'), 'utf8');

const textOf = (page: string): string => texts.get(page) ?? '';
const without = (text: string, blocks: RegExp): string => text.replace(blocks, '');
const spansOf = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);

/** Whether the main export has a function `name`, or `Class.method`. */
function isExported(name: string): boolean {
  const [first = '', method] = name.split('.');
  const value: unknown = Reflect.get(library, first);
  if (typeof value !== 'function') return false;
  return method === undefined || typeof Reflect.get(value.prototype as object, method) === 'function';
}

/** Every text of a dialog or palette, ours and Node-RED's own, which our dialogs use. */
function dialogTexts(): Set<string> {
  const own = fs
    .readdirSync(path.join(root, 'nodes'))
    .map((type) => path.join(root, 'nodes', type, 'locales/en-US.json'));
  const core = require.resolve('@node-red/nodes/locales/en-US/messages.json', { paths: [root] });
  const found = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value === 'string') found.add(value.trim());
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect);
  };
  for (const file of [...own, core].filter((name) => fs.existsSync(name))) {
    collect(JSON.parse(fs.readFileSync(file, 'utf8')));
  }
  return found;
}

describe('the pages about the specification and about operations', () => {
  it('name tests that exist', () => {
    const named = pages.flatMap((page) => spansOf(textOf(page)).filter((span) => /^test\/\S+$/.test(span)));
    assert.ok(named.length > 20, `${named.length} tests named`);
    assert.deepEqual(
      named.filter((file) => !fs.existsSync(path.join(root, file))),
      [],
    );
  });

  it('name functions that the library exports', () => {
    const named = pages.flatMap((page) =>
      spansOf(textOf(page)).flatMap((span) => /^((?:[A-Z]\w*\.)?[a-z]\w*)\(\)$/.exec(span)?.[1] ?? []),
    );
    assert.ok(named.length > 8, `${named.length} functions named`);
    assert.deepEqual(
      // The specification's own functions are quoted there, too.
      named.filter((name) => !name.startsWith('mcp_') && !isExported(name)),
      [],
    );
  });

  it('name all statistics', () => {
    const connection = { url: 'mqtt://127.0.0.1:1', protocolVersion: 5, clean: false, keepalive: 60 } as const;
    const store = { open: () => Promise.reject(new Error('not opened here')) };
    const client = new library.SessionClient({ clientId: 'nobody', store, connection });
    const spans = new Set(spansOf(textOf('docs/specification.md')));
    assert.deepEqual(
      Object.keys(client.statistics()).filter((name) => !spans.has(name)),
      [],
    );
  });

  it('name actions of the admin node', () => {
    const named = pages.flatMap((page) => {
      const inProse = [...textOf(page).matchAll(/\baction\s`([a-z-]+)`/g)].map(([, action = '']) => action);
      const inTable = [...textOf(page).matchAll(/^\| `mcp_\w+\(\)`[^|]*\|([^|]*)\|/gm)].flatMap(([, cell = '']) =>
        spansOf(cell),
      );
      return [...inProse, ...inTable];
    });
    assert.ok(named.length > 10, `${named.length} actions named`);
    const known: readonly string[] = ACTION_NAMES;
    assert.deepEqual(
      named.filter((action) => !known.includes(action)),
      [],
    );
  });

  it('name error codes that exist', () => {
    const named = pages.flatMap((page) => spansOf(textOf(page)).filter((span) => /^ERR_[A-Z0-9_]+$/.test(span)));
    assert.ok(named.length > 5, `${named.length} codes named`);
    assert.deepEqual(
      named.filter((code) => !errorCodes.includes(`'${code}'`)),
      [],
    );
  });

  it('name settings as the dialogs do', () => {
    const dialogs = dialogTexts();
    const named = pages.flatMap((page) =>
      [...without(textOf(page), /`[^`\n]*`/g).matchAll(/(?<!\*)\*([^*\n]+(?:\n[^*\n]+)?)\*(?!\*)/g)].map(
        ([, text = '']) => text.replace(/\s+/g, ' '),
      ),
    );
    assert.ok(named.length > 10, `${named.length} settings named`);
    assert.deepEqual(
      named.filter((text) => text !== 'italics' && !dialogs.has(text)),
      [],
    );
  });
});
