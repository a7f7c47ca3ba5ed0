/** One import of a source file. */
export interface Import {
  /** What stands between the quotes. */
  specifier: string;
  /** Whether nothing of it is left at run time. */
  typeOnly: boolean;
}

/** Blanks comments, so that an import that is commented out does not count. Strings stay as they are. */
function withoutComments(source: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(token, (text) => (text.startsWith('/') ? ' ' : text));
}

/** Whether a clause such as `{ type A, type B }` names types only. */
function namesOnlyTypes(clause: string): boolean {
  const names = /^\{([\s\S]*)\}$/.exec(clause.trim())?.[1];
  if (names === undefined) {
    return false;
  }
  const parts = names.split(',').map((name) => name.trim());
  return parts.filter((name) => name !== '').every((name) => /^type\s/.test(name));
}

/**
 * The imports of a TypeScript source: `import`, `export ... from`, `import()` as expression and as type, `require()`.
 * It reads the text, no syntax tree: the compiler in use offers none to programs.
 */
export function importsOf(source: string): Import[] {
  const text = withoutComments(source);
  const imports: Import[] = [];
  for (const match of text.matchAll(/^[ \t]*(?:import|export)\s+(type\s+)?([^'";=()]*?)\s*from\s*['"]([^'"]+)['"]/gm)) {
    const [, type, clause = '', specifier = ''] = match;
    imports.push({ specifier, typeOnly: type !== undefined || namesOnlyTypes(clause) });
  }
  for (const match of text.matchAll(/^[ \t]*import\s*['"]([^'"]+)['"]/gm)) {
    imports.push({ specifier: match[1] ?? '', typeOnly: false });
  }
  for (const match of text.matchAll(/\brequire\s*\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    imports.push({ specifier: match[1] ?? '', typeOnly: false });
  }
  for (const match of text.matchAll(
    /(\bawait\s+|\breturn\s+|\bvoid\s+)?\bimport\s*\(\s*['"]([^'"]+)['"]\s*\)(\s*\.\s*[A-Z])?/g,
  )) {
    imports.push({ specifier: match[2] ?? '', typeOnly: match[1] === undefined && match[3] !== undefined });
  }
  return imports;
}
