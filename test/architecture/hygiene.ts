/** What must not stand in any file of the project. Character classes keep the rules from finding themselves. */
const rules: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['work left for later', /\b(?:TO[D]O|FIX[M]E|XX[X])\b/],
  ['a test that shuts out all others', /\b(?:describe|context|it)[.]only\b/],
  ['an escape from the type system', /@ts-(?:ig[n]ore|no[c]heck)/],
  ['the path of one machine', /(?<![\w.-])\/(?:wor[k]|roo[t]|hom[e]|User[s])\/\w|\b[A-Z]:\\{1,2}User[s]\\/],
  ['a registry host', /registry\.npm[j]s\.org|registry\.yarn[p]kg\.com/],
];

/** The violations in one file, as `file:line: what`. */
export function hygieneViolations(file: string, text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      rules.filter(([, pattern]) => pattern.test(line)).map(([name]) => `${file}:${index + 1}: ${name}`),
    );
}
