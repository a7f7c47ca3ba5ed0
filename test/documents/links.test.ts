import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { readSources, root } from '../architecture/sources';

const documents = readSources(['README.md', 'CHANGELOG.md', 'docs'], ['.md']);

/** The text without blocks and spans of code: no links stand there. */
const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');

/** Targets of the links and pictures of a document, as they stand there. */
function linksOf(text: string): string[] {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?\s*$/gm)];
  const html = [...prose.matchAll(/\b(?:src|href)="([^"]+)"/g)];
  return [...inline, ...references, ...html].map(([, target = '']) => target);
}

/** The anchors that headings make, as on GitHub, and those that are written down. */
function anchorsOf(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  const headings = [...prose.matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading = '']) =>
    heading
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
  const numbered = headings.map((heading, index) => {
    const before = headings.slice(0, index).filter((other) => other === heading).length;
    return before === 0 ? heading : `${heading}-${before}`;
  });
  return [...numbered, ...[...prose.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)];
}

/** What is wrong with a link in `document`; undefined for nothing, and for what is elsewhere. */
function problemOf(document: string, link: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(link)) return undefined;
  const [location = '', anchor] = link.split('#');
  const target = location === '' ? document : path.posix.join(path.posix.dirname(document), decodeURI(location));
  if (target.startsWith('..')) return 'leaves the project';
  if (!fs.existsSync(path.join(root, target))) return `there is no ${target}`;
  if (anchor === undefined || !target.endsWith('.md')) return undefined;
  const anchors = anchorsOf(fs.readFileSync(path.join(root, target), 'utf8'));
  return anchors.includes(anchor) ? undefined : `${target} has no heading for #${anchor}`;
}

describe('the documents', () => {
  it('link to files and headings that exist', () => {
    const links = [...documents].flatMap(([document, text]) => linksOf(text).map((link) => ({ document, link })));
    assert.ok(links.length > 3, 'too few links found');
    const broken = links
      .map(({ document, link }) => ({ document, link, problem: problemOf(document, link) }))
      .filter(({ problem }) => problem !== undefined);
    assert.deepEqual(broken, []);
  });

  it('say the versions that package.json asks for', () => {
    const { engines, 'node-red': nodeRed } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      engines: { node: string };
      'node-red': { version: string };
    };
    const readme = documents.get('README.md') ?? '';
    assert.ok(readme.includes(`Node.js ${engines.node.replace('>=', '')} or newer`), engines.node);
    assert.ok(readme.includes(`Node-RED ${nodeRed.version.replace('>=', '')} or`), nodeRed.version);
  });
});
