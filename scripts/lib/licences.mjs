import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { root } from './project.mjs';

/** Each lets anybody use, change and pass on the package, with nothing but its notice. SPDX identifiers. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
]);
/** For what is only used while the package is built and tested, and goes nowhere. */
const ALLOWED_FOR_DEVELOPMENT = new Set([...ALLOWED, 'Artistic-2.0', 'CC-BY-3.0', 'CC-BY-4.0', 'MPL-2.0', 'WTFPL']);

/** Packages whose package.json states none, or no SPDX identifier, with the one in their README or licence file. */
const READ_BY_HAND = new Map([
  ['cli-table@0.3.11', 'MIT'],
  ['pause@0.0.1', 'MIT'],
  ['qrcode-terminal@0.12.0', 'Apache-2.0'],
]);

/**
 * Whether an SPDX expression is within `allowed`: one side of OR, both of AND.
 */
export function isAllowed(expression, allowed) {
  const text = expression.trim().replace(/^\((.*)\)$/s, (whole, inside) => (isBalanced(inside) ? inside : whole));
  for (const [operator, combine] of [
    [' OR ', 'some'],
    [' AND ', 'every'],
  ]) {
    const parts = splitOutside(text, operator);
    if (parts.length > 1) return parts[combine]((part) => isAllowed(part, allowed));
  }
  return allowed.has(text);
}

function splitOutside(text, operator) {
  const parts = [''];
  for (let at = 0, depth = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')') depth--;
    if (depth === 0 && text.startsWith(operator, at)) {
      parts.push('');
      at += operator.length - 1;
    } else {
      parts[parts.length - 1] += text[at];
    }
  }
  return parts;
}

function isBalanced(text) {
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')' && --depth < 0) return false;
  }
  return depth === 0;
}

/** The licence that a package.json states, in the old forms as well; undefined: none. */
export function licenceOf({ license, licenses }) {
  const stated = license ?? licenses;
  if (typeof stated === 'string') return stated;
  if (Array.isArray(stated)) return stated.map((one) => one.type ?? one).join(' OR ') || undefined;
  return stated?.type;
}

/**
 * Every package of a lock file with its licence: as installed, or as the lock file has it for one that is for another
 * system. `refused`: those that are not allowed, or state none.
 */
export function licencesOf(folder) {
  const { packages } = JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8'));
  const found = [];
  for (const [place, { dev = false, version, license }] of Object.entries(packages)) {
    if (place === '') continue;
    const file = path.join(folder, place, 'package.json');
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const own = existsSync(file) ? licenceOf(JSON.parse(readFileSync(file, 'utf8'))) : license;
    const stated = READ_BY_HAND.get(`${name}@${version}`) ?? own;
    const allowed = dev ? ALLOWED_FOR_DEVELOPMENT : ALLOWED;
    const isRefused = stated === undefined || !isAllowed(stated, allowed);
    found.push({ name, version, licence: stated ?? 'none', isRuntime: !dev, isRefused });
  }
  return { found, refused: found.filter(({ isRefused }) => isRefused) };
}

/** Prints a summary. Exit code 1: some are refused. */
export function licences() {
  const { found, refused } = licencesOf(root);
  for (const isRuntime of [true, false]) {
    const counts = new Map();
    for (const one of found) {
      if (one.isRuntime === isRuntime) counts.set(one.licence, (counts.get(one.licence) ?? 0) + 1);
    }
    const list = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
    const text = list.map(([licence, count]) => `${count} ${licence}`).join(', ');
    console.log(`${isRuntime ? 'published with' : 'for development'}: ${text || 'none'}`);
  }
  for (const { name, version, licence, isRuntime } of refused) {
    console.error(`refused: ${name}@${version} (${licence}), ${isRuntime ? 'published with' : 'for development'}`);
  }
  process.exitCode = refused.length > 0 ? 1 : 0;
}
