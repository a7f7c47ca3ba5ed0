// Finds texts and their keys in sources: TypeScript, and html with scripts in it.

const STRING = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g;

/** Words with a blank between them, which are not parts of names, selectors or styles. */
const SENTENCE = /(?:^|\s)[\p{L}']{2,}[,.:;]?\s+[\p{L}']{2,}(?=$|[\s.,:;!?])/u;

/** Errors are in English wherever they come from, as in logs; people are shown a text of the catalogue by their `code`. */
const ERRORS = /\bnew (?:SessionError|Error)\(/g;

/** Sources without comments; what is in strings stays. */
function withoutComments(source: string): string {
  const parts = new RegExp(`${STRING.source}|//[^\\n]*|/\\*[\\s\\S]*?\\*/|<!--[\\s\\S]*?-->`, 'g');
  return source.replace(parts, (part) => (/^(?:\/\/|\/\*|<!--)/.test(part) ? ' ' : part));
}

/** The scripts of html, or all of TypeScript. */
function scriptOf(source: string): string {
  if (!/<script/.test(source)) return withoutComments(source);
  const scripts = [...source.matchAll(/<script type="text\/javascript">([\s\S]*?)<\/script>/g)];
  return scripts.map(([, script = '']) => withoutComments(script)).join('\n');
}

/** The values of all strings. */
export function literalsIn(source: string): string[] {
  return stringsOf(scriptOf(source));
}

function stringsOf(script: string): string[] {
  return [...script.matchAll(STRING)].map(([, single, double, template]) => single ?? double ?? template ?? '');
}

/** The first arguments of calls of a function, where they are plain strings. */
export function callsIn(source: string, name: string): string[] {
  const call = new RegExp(
    `(?<![\\w.'])(?:this\\.)?(?:options\\.)?${name.replace('.', '\\.')}\\(\\s*'([^']*)'\\s*[,)]`,
    'g',
  );
  return [...scriptOf(source).matchAll(call)].map(([, key = '']) => key);
}

/** Keys in `data-i18n` attributes. */
export function translatedAttributes(source: string): string[] {
  return [...source.matchAll(/data-i18n="([^"]+)"/g)].flatMap(([, value = '']) =>
    value.split(';').map((part) => part.replace(/^\[[\w-]+\]/, '')),
  );
}

/** Strings in code that read like a text for people. */
export function hardCodedTexts(source: string): string[] {
  return stringsOf(withoutErrors(scriptOf(source)))
    .map((text) => text.replace(/\$\{[^}]*\}/g, '…'))
    .filter((text) => SENTENCE.test(text) && text !== 'use strict');
}

/** Without the arguments of errors that are made. */
function withoutErrors(script: string): string {
  let rest = script;
  for (let found = ERRORS.exec(rest); found !== null; found = ERRORS.exec(rest)) {
    const start = found.index + found[0].length;
    const end = endOfCall(rest, start);
    rest = rest.slice(0, found.index) + rest.slice(end);
    ERRORS.lastIndex = found.index;
  }
  return rest;
}

/** Behind the bracket that ends a call whose arguments begin at `start`. */
function endOfCall(script: string, start: number): number {
  const strings = new RegExp(STRING.source, 'y');
  let depth = 1;
  for (let at = start; at < script.length; at++) {
    strings.lastIndex = at;
    const string = strings.exec(script);
    if (string !== null) {
      at += string[0].length - 1;
      continue;
    }
    if (script[at] === '(') depth += 1;
    if (script[at] === ')') depth -= 1;
    if (depth === 0) return at + 1;
  }
  return script.length;
}

/** What stands in templates for people to read: between tags, and in attributes that are shown or read out. */
export function markupTexts(source: string): string[] {
  const templates = [...source.matchAll(/<script type="text\/html"[^>]*>([\s\S]*?)<\/script>/g)];
  return templates.flatMap(([, template = '']) => {
    const between = template.replace(/<[^>]*>/g, '\n').split('\n');
    const attributes = [...template.matchAll(/\s(?:placeholder|title|aria-label|alt|value)="([^"]*)"/g)]
      .filter(([whole]) => !whole.trimStart().startsWith('value='))
      .map(([, value = '']) => value);
    // Digits are the same everywhere.
    return [...between, ...attributes]
      .map((text) => text.trim())
      .filter((text) => text !== '' && !/^[0-2]$/.test(text));
  });
}
