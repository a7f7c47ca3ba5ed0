// Values that nobody expects, as they may come with a message, in a file, or over HTTP.
import type { Random } from './random';

/** Names that mean something to JavaScript. */
export const DANGEROUS_NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty'];

const TEXTS = [
  ...['', ' ', '0', '1', '-1', '2', '1e309', 'true', 'false', 'null', 'a/b', '#', '+', '$share/g/a', '..', '/', '\\'],
  ...['\u0000', '\ud800', '\ufeff', 'é', 'e\u0301', '😀', '$(HOME)', '<script>', '%00', '{"a":1}', '[]', 'client'],
  ...DANGEROUS_NAMES,
];
const NUMBERS = [0, -0, 1, 2, 3, -1, 0.5, 65_535, 65_536, 2 ** 31, 2 ** 32, 2 ** 48, 2 ** 53, 1e21, 1e308];

export function text(random: Random): string {
  if (random.chance(0.03)) return random.pick(['x', '字', 'a/']).repeat(1 + random.below(70_000));
  if (random.chance(0.2)) return random.pick(TEXTS) + random.pick(TEXTS);
  return random.pick(TEXTS);
}

/** What JSON can hold, with names such as `__proto__` as names of its own. */
export function plain(random: Random, depth = 3): unknown {
  switch (random.below(depth > 0 ? 8 : 5)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick(NUMBERS);
    case 3:
    case 4:
      return text(random);
    case 5:
      return Array.from({ length: random.below(4) }, () => plain(random, depth - 1));
    default: {
      const made: Record<string, unknown> = {};
      for (let count = random.below(4); count > 0; count--) setOwn(made, text(random), plain(random, depth - 1));
      return made;
    }
  }
}

/** Also what only a program can make: a function node hands over anything. */
export function anything(random: Random, depth = 3): unknown {
  if (random.chance(0.6)) return plain(random, depth);
  switch (random.below(16)) {
    case 0:
      return undefined;
    case 1:
      return Number.NaN;
    case 2:
      return random.pick([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    case 3:
      return Symbol('s');
    case 4:
      return 10n ** 30n;
    case 5:
      return () => 'function';
    case 6:
      return Buffer.from(text(random).slice(0, 1_000));
    case 7:
      return new Uint16Array([1, 2, 65_535]);
    case 8:
      return new Date(random.pick([0, Number.NaN]));
    case 9:
      return new Map([[text(random), 1]]);
    case 10: {
      const cyclic: Record<string, unknown> = { a: [] };
      cyclic.self = cyclic;
      return cyclic;
    }
    case 11:
      return Object.assign(Object.create(null), { topic: text(random), type: 'Buffer', data: plain(random, 1) });
    case 12:
      return { type: 'Buffer', data: plain(random, 2) };
    case 13: {
      const holes: unknown[] = [];
      holes.length = random.pick([1, 1_000]);
      return holes;
    }
    case 14:
      return new (class Odd {
        topic = 'a';
        toString() {
          return 'odd';
        }
      })();
    default:
      return Object.freeze({ qos: 1 });
  }
}

/** As JSON.parse does: `__proto__` becomes a property, not the prototype. */
export function setOwn(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** A copy of a JSON value with up to three of its parts replaced, removed, doubled or added. */
export function mutatePlain(random: Random, value: unknown): unknown {
  const copy = { root: structuredClone(value) };
  for (let count = random.below(4); count > 0; count--) {
    const places = placesIn(copy);
    const { holder, name } = random.pick(places);
    const present = (holder as Record<string, unknown>)[name];
    const kind = random.below(6);
    if (kind < 3) setOwn(holder, name, kind === 0 ? plain(random) : similar(random, present));
    else if (kind === 3 && holder !== copy) delete (holder as Record<string, unknown>)[name];
    else if (kind === 4 && Array.isArray(holder)) holder.push(structuredClone(present));
    else if (typeof present === 'object' && present !== null && !Array.isArray(present)) {
      setOwn(present, random.chance(0.5) ? random.pick(DANGEROUS_NAMES) : text(random), plain(random));
    }
  }
  return copy.root;
}

/** Another value of the same type. */
function similar(random: Random, present: unknown): unknown {
  if (typeof present === 'number') return random.chance(0.5) ? random.pick(NUMBERS) : present + random.pick([-1, 1]);
  if (typeof present === 'string') return random.chance(0.5) ? text(random) : present + text(random);
  if (typeof present === 'boolean') return !present;
  return plain(random);
}

function placesIn(root: object): { holder: object; name: string }[] {
  const places: { holder: object; name: string }[] = [];
  const open: object[] = [root];
  for (let holder = open.pop(); holder !== undefined; holder = open.pop()) {
    for (const [name, value] of Object.entries(holder)) {
      places.push({ holder, name });
      if (typeof value === 'object' && value !== null) open.push(value);
    }
  }
  return places;
}
