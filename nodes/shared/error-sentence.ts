/** Codes of the operating system that people meet when a disk or a folder cannot be used. */
export const SYSTEM_CODES: readonly string[] = ['EACCES', 'EDQUOT', 'EIO', 'EMFILE', 'ENOSPC', 'EPERM', 'EROFS'];

/** Looks a text up by its key below `shared.runtime`; what is missing comes back as a text that ends with the key. */
type Lookup = (key: string, values?: Record<string, string | number>) => string;

/** What `errorFacts` of src/errors.ts has found: flat, and ready for JSON. */
export type Facts = Readonly<Record<string, string | number>>;

/**
 * The text of an error in the language of the catalogue. Where that has a whole sentence for the code, the facts follow it
 * (client id, path, broker, ...). Where one code has many causes it puts the error's own words, which are English, into
 * its text; a code that it does not know has nothing but them. Runs in the runtime and in the editor.
 */
export function errorSentence(code: string, message: string, facts: Facts, lookup: Lookup): string {
  const key = `codes.${code}`;
  const text = lookup(key, { message });
  if (text.endsWith(key)) return message;
  if (text.includes(message)) return text;
  const details = Object.entries(facts).map(([name, value]) =>
    name === 'reasonCode' && typeof value === 'number'
      ? (reasonText(value, lookup) ?? `0x${value.toString(16)}`)
      : lookup(`facts.${name}`, { value }),
  );
  return details.length === 0 ? text : `${text} (${details.join(', ')})`;
}

/** Return codes of CONNACK in 3.1.1 (table 3.1) as the reason codes of 5.0 (table 2.6) that mean the same. */
const RETURN_CODES: Readonly<Record<number, number>> = { 1: 132, 2: 133, 3: 136, 4: 134, 5: 135 };

/** What a reason code says, in a few words; undefined: the catalogue does not know it. */
export function reasonText(code: number, lookup: Lookup): string | undefined {
  const key = `reasons.${RETURN_CODES[code] ?? code}`;
  const text = lookup(key);
  return text.endsWith(key) ? undefined : text;
}
