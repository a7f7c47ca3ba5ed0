// Joins the editor parts of all node types into the one node set file that Node-RED's loader expects.
//
//   nodes/<type>/form.ts              its export `template`            -> mqtt-persistent.html
//   nodes/<type>/edit-<part>.html     what edit.html starts from       -> mqtt-persistent.html
//   nodes/<type>/edit.html            the node type's registration     -> mqtt-persistent.html
//   nodes/<type>/locales/<lang>.json  texts, top-level keys per type   -> locales/<lang>/mqtt-persistent.json
//   nodes/<type>/locales/<lang>.html  help                             -> locales/<lang>/mqtt-persistent.html
//   icons/*.svg                                                        -> icons/
//
// `nodes/shared` may hold the same parts; they come first.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { build } from 'esbuild';
import { filesBelow, root } from './project.mjs';

const nodeSet = 'mqtt-persistent';

/** The order in the palette; config nodes last. Folders not named here follow in alphabetical order. */
const order = [
  'shared',
  'mqtt-persistent-in',
  'mqtt-persistent-out',
  'mqtt-session-admin',
  'mqtt-persistent-broker',
  'mqtt-session-store',
];

/** Sorts by `order`, then by name. */
function byOrder(left, right) {
  const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  return rank(left) - rank(right) || left.localeCompare(right, 'en');
}

/** What runs only here, when the package is built: the forms of the dialogs, and what they are made with. */
export const isForm = (file) => /^nodes\/[^/]+\/form\.ts$/.test(file);

/** The template of a dialog. Throws with the file's name when there is none in it. */
async function templateOf(file, base) {
  const { outputFiles } = await build({
    absWorkingDir: base,
    entryPoints: [file],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    write: false,
    logLevel: 'warning',
  });
  const { template } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  if (typeof template !== 'string') {
    throw new Error(`${file} exports no template`);
  }
  return template;
}

/** Adds the texts of one file; two files with the same top-level key would silently overwrite each other. */
function mergeTexts(target, texts, file) {
  for (const [key, value] of Object.entries(texts)) {
    if (key in target) {
      throw new Error(`${file}: the key "${key}" is already used by another file of the same language`);
    }
    target[key] = value;
  }
}

/**
 * Writes the editor parts below `target` (normally `dist/nodes`) and returns the node types found, in their order.
 * Throws with the file's name on invalid JSON and on a key used twice.
 */
export async function buildEditor(target, base = root) {
  const files = await filesBelow('nodes', base);
  const read = (file) => fs.readFile(path.join(base, file), 'utf8');
  const types = [...new Set(files.map((file) => file.split('/')[1]))]
    .filter((type) => files.includes(`nodes/${type}/edit.html`))
    .sort(byOrder);

  const dialogs = [];
  for (const type of types) {
    const parts = files.filter((file) => file.startsWith(`nodes/${type}/edit-`) && file.endsWith('.html'));
    const form = `nodes/${type}/form.ts`;
    if (type !== 'shared' && files.includes(form)) dialogs.push(await templateOf(form, base));
    for (const file of [...parts, `nodes/${type}/edit.html`]) dialogs.push((await read(file)).trim());
  }
  const languages = new Map();
  const partsOf = (language) => {
    const parts = languages.get(language) ?? { texts: {}, help: [] };
    languages.set(language, parts);
    return parts;
  };
  const locales = files
    .map((file) => ({ file, match: /^nodes\/([^/]+)\/locales\/([^/]+)\.(json|html)$/.exec(file) }))
    .filter(({ match }) => match !== null)
    .sort((left, right) => byOrder(left.match[1], right.match[1]));
  for (const { file, match } of locales) {
    const [, , language, kind] = match;
    const text = await read(file);
    if (kind === 'html') {
      partsOf(language).help.push(text.trim());
      continue;
    }
    let texts;
    try {
      texts = JSON.parse(text);
    } catch (error) {
      throw new Error(`${file}: ${error.message}`);
    }
    mergeTexts(partsOf(language).texts, texts, file);
  }

  const write = async (file, text) => {
    await fs.mkdir(path.dirname(path.join(target, file)), { recursive: true });
    await fs.writeFile(path.join(target, file), text);
  };
  if (dialogs.length > 0) {
    await write(`${nodeSet}.html`, `${dialogs.join('\n\n')}\n`);
  }
  for (const [language, { texts, help }] of languages) {
    await write(`locales/${language}/${nodeSet}.json`, `${JSON.stringify(texts, null, 2)}\n`);
    if (help.length > 0) {
      await write(`locales/${language}/${nodeSet}.html`, `${help.join('\n\n')}\n`);
    }
  }
  for (const icon of (await filesBelow('icons', base)).filter((file) => file.endsWith('.svg'))) {
    await fs.mkdir(path.join(target, 'icons'), { recursive: true });
    await fs.copyFile(path.join(base, icon), path.join(target, icon));
  }
  return types.filter((type) => type !== 'shared');
}
