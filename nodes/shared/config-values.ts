// Fields of a node's configuration. An environment variable (`${NAME}`) arrives as a string, older flows lack newer
// fields, and the editor keeps numbers as typed.

/** A non-empty string, trimmed; undefined for anything else. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value.trim() : '';
  return text === '' ? undefined : text;
}

/** A finite number, also as a string; `fallback` for a blank field or anything else. */
export function numberOf(value: unknown, fallback: number): number;
export function numberOf(value: unknown): number | undefined;
export function numberOf(value: unknown, fallback?: number): number | undefined {
  const text = textOf(value);
  const number = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : fallback;
}

/** A boolean, also as a string; `fallback` for anything else. */
export function booleanOf(value: unknown, fallback: boolean): boolean;
export function booleanOf(value: unknown): boolean | undefined;
export function booleanOf(value: unknown, fallback?: boolean): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (value === 'true') return true;
  if (value === 'false') return false;
  return fallback;
}

/** The whole number that a text begins with, or a number's whole part: as Node-RED's own nodes read messages. */
export function integerOf(value: unknown): number | undefined {
  const number = Number.parseInt(anyTextOf(value), 10);
  return Number.isNaN(number) ? undefined : number;
}

/** As `String`, which throws for an object without a prototype; a function node may make one. */
function anyTextOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '';
  }
}

/** A non-empty string as it is: blanks are part of data and of topics. */
export function exactTextOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** 0, 1 or 2, also as a string; undefined for anything else. */
export function qosOf(value: unknown): 0 | 1 | 2 | undefined {
  const number = integerOf(value);
  return number === 0 || number === 1 || number === 2 ? number : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * User properties from an object or from the JSON text of one. Values that are not strings become their JSON text; null
 * and undefined are left out. Undefined when nothing is left, or the text is no JSON object.
 */
export function userPropertiesOf(value: unknown): Record<string, string> | undefined {
  const source = typeof value === 'string' ? parsedObject(value) : value;
  // The values of a list get their indices as names, as in Node-RED's own nodes.
  if (typeof source !== 'object' || source === null) return undefined;
  const entries: [string, string][] = [];
  for (const [name, property] of Object.entries(source)) {
    if (property === undefined || property === null) continue;
    const text = typeof property === 'string' ? property : jsonOrNothing(property);
    if (text !== undefined) entries.push([name, text]);
  }
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function parsedObject(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What has no JSON text cannot be a user property. */
function jsonOrNothing(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
