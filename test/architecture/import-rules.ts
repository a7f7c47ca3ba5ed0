import { isBuiltin } from 'node:module';
import * as path from 'node:path';
import { type Import, importsOf } from './imports';

interface Layer {
  /** Layers whose values and types it may import, besides its own. */
  values: readonly string[];
  /** Layers of which it may import types only. */
  types?: readonly string[];
  /** Node built-ins: a list of those allowed, or all but some. */
  builtins: { only: readonly string[] } | { allBut: readonly string[] };
  /** npm packages. */
  packages: readonly string[];
}

const network = ['node:net', 'node:tls', 'node:http', 'node:https', 'node:http2', 'node:dgram', 'node:dns'];
const files = ['node:fs', 'node:fs/promises'];

/**
 * The layers, innermost first. An arrow that is not here is a mistake in the change, not in the table: the session is
 * pure so that it can be simulated, and the storage knows bytes and files, not MQTT rules, so that it can be replaced.
 */
export const layers: Record<string, Layer> = {
  session: { values: [], builtins: { only: [] }, packages: [] },
  errors: { values: [], builtins: { only: [] }, packages: [] },
  scheduler: { values: [], builtins: { only: [] }, packages: [] },
  'in-turn': { values: [], builtins: { only: [] }, packages: [] },
  // What the client needs of a storage, declared beside its consumer and implemented by the store.
  ports: { values: [], types: ['session', 'connection'], builtins: { only: [] }, packages: [] },
  mcps: { values: ['errors'], types: ['session'], builtins: { only: ['node:zlib', 'node:buffer'] }, packages: [] },
  store: {
    values: ['errors', 'scheduler', 'in-turn', 'mcps'],
    types: ['session', 'ports'],
    builtins: { allBut: network },
    packages: [],
  },
  connection: {
    values: ['errors', 'session'],
    builtins: { allBut: files },
    packages: ['mqtt', 'mqtt-packet'],
  },
  client: {
    values: ['errors', 'scheduler', 'in-turn', 'session', 'connection'],
    types: ['store', 'ports'],
    builtins: { allBut: [...network, ...files] },
    packages: [],
  },
  // From one session to another, or to and from a file.
  transfer: {
    values: ['errors', 'session', 'mcps', 'store', 'client'],
    types: ['ports'],
    builtins: { only: ['node:buffer', 'node:crypto'] },
    packages: [],
  },
  admin: {
    types: ['ports'],
    values: ['errors', 'session', 'mcps', 'store', 'client', 'transfer'],
    builtins: { allBut: network },
    packages: [],
  },
  // Also runs in the editor, so it needs nothing at all.
  convert: { values: [], builtins: { only: [] }, packages: [] },
  cli: {
    values: ['errors', 'session', 'mcps', 'store', 'client', 'transfer', 'admin', 'convert', '.'],
    builtins: { allBut: [] },
    packages: [],
  },
  // The files directly in src: the main export.
  '.': {
    values: ['errors', 'scheduler', 'session', 'mcps', 'store', 'connection', 'client', 'transfer', 'admin'],
    types: ['ports'],
    builtins: { allBut: [] },
    packages: [],
  },
  nodes: {
    values: [
      'errors',
      'scheduler',
      'in-turn',
      'session',
      'mcps',
      'store',
      'connection',
      'client',
      'transfer',
      'admin',
      '.',
    ],
    types: ['ports'],
    builtins: { allBut: network },
    packages: ['node-red', '@node-red/registry', '@node-red/util', 'express'],
  },
};

/** Layers of one file. */
const singleFiles: Record<string, string> = {
  'src/errors.ts': 'errors',
  'src/scheduler.ts': 'scheduler',
  'src/in-turn.ts': 'in-turn',
  'src/client/ports.ts': 'ports',
};

/** The layer of a file: that of `singleFiles`, else the folder below src, `.` for src itself, or `nodes`. */
function layerOf(file: string): string {
  const parts = file.split('/');
  return singleFiles[file] ?? (parts[0] === 'nodes' ? 'nodes' : parts.length === 2 ? '.' : (parts[1] ?? '.'));
}

/** The source file that a relative import means, or undefined. */
function resolve(file: string, specifier: string, sources: ReadonlyMap<string, string>): string | undefined {
  const target = path.posix.join(path.posix.dirname(file), specifier);
  return [target, `${target}.ts`, `${target}/index.ts`].find((candidate) => sources.has(candidate));
}

/** What is wrong with an import of a file of the project, or undefined. */
function wrongTarget(file: string, target: string, { typeOnly }: Import): string | undefined {
  const [from, to] = [layerOf(file), layerOf(target)];
  const layer = layers[from];
  if (layer === undefined) {
    return `${file}: the layer ${from} is not in the table`;
  }
  if (from === to || layer.values.includes(to)) {
    return undefined;
  }
  if (layer.types?.includes(to)) {
    return typeOnly ? undefined : `${file} imports ${target}, of which it may import only types`;
  }
  return `${file} imports ${target}, and ${from} may not import ${to}`;
}

/** What is wrong with an import of a built-in or a package, or undefined. */
function wrongPackage(file: string, specifier: string): string | undefined {
  const layer = layers[layerOf(file)];
  if (isBuiltin(specifier)) {
    const name = specifier.startsWith('node:') ? specifier : `node:${specifier}`;
    const builtins = layer?.builtins ?? { only: [] };
    const allowed = 'only' in builtins ? builtins.only.includes(name) : !builtins.allBut.includes(name);
    return allowed ? undefined : `${file} imports ${name}, which ${layerOf(file)} may not`;
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  return layer?.packages.includes(name) ? undefined : `${file} imports ${specifier}, which ${layerOf(file)} may not`;
}

/** The first cycle found from each file, each cycle once. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) {
      found.push(`cycle: ${[...trail.slice(start), file].join(' -> ')}`);
      return;
    }
    if (done.has(file)) {
      return;
    }
    for (const next of graph.get(file) ?? []) {
      visit(next, [...trail, file]);
    }
    done.add(file);
  };
  for (const file of graph.keys()) {
    visit(file, []);
  }
  return found;
}

/**
 * All violations of the import directions among `sources` (path from the top folder -> text; everything below src and
 * nodes), one sentence each.
 */
export function violations(sources: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, text] of sources) {
    const targets: string[] = [];
    for (const imported of importsOf(text)) {
      if (!imported.specifier.startsWith('.')) {
        found.push(wrongPackage(file, imported.specifier) ?? '');
        continue;
      }
      const target = resolve(file, imported.specifier, sources);
      if (target === undefined) {
        found.push(`${file} imports ${imported.specifier}, which is not a source file in src or nodes`);
      } else {
        targets.push(target);
        found.push(wrongTarget(file, target, imported) ?? '');
      }
    }
    graph.set(file, targets);
  }
  return [...found.filter((violation) => violation !== ''), ...cycles(graph)];
}
