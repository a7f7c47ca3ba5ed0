import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { before, describe, it } from 'mocha';

const root = path.resolve(__dirname, '..', '..');
const readJson = <T>(file: string): T => JSON.parse(fs.readFileSync(path.join(root, file), 'utf8')) as T;

interface Manifest {
  name: string;
  license: string;
  main: string;
  types: string;
  keywords: string[];
  files: string[];
  bin: Record<string, string>;
  engines: Record<string, string>;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  'node-red': { version: string; nodes: Record<string, string> };
}

interface LockedPackage {
  hasInstallScript?: boolean;
  inBundle?: boolean;
  resolved?: string;
  dev?: boolean;
  optionalDependencies?: Record<string, string>;
}

interface Lockfile {
  packages: Record<string, LockedPackage>;
}

/**
 * Packages whose install script is not needed; the project installs with `--ignore-scripts`.
 * esbuild: its binary is in a package of the platform, the script only replaces the start file by the binary itself.
 * fsevents: optional, macOS only, and its binary is in the package.
 */
const scriptsNotNeeded = ['node_modules/esbuild', 'node_modules/fsevents', 'node_modules/tsx/node_modules/esbuild'];

describe('package.json', () => {
  const manifest = readJson<Manifest>('package.json');

  it('names the package, its licence and its command', () => {
    assert.equal(manifest.name, '@mqtt-sessions/node-red');
    assert.equal(manifest.license, 'Apache-2.0');
    assert.deepEqual(manifest.bin, { 'mqtt-sessions': 'dist/src/cli/main.js' });
    assert.match(fs.readFileSync(path.join(root, 'LICENSE'), 'utf8'), /Apache License\s+Version 2\.0/);
  });

  it('has a command that a shell can start', () => {
    assert.match(fs.readFileSync(path.join(root, 'src', 'cli', 'main.ts'), 'utf8'), /^#!\/usr\/bin\/env node\n/);
  });

  it('is found by the Node-RED library and loads one node set and one editor plugin', () => {
    assert.ok(manifest.keywords.includes('node-red'));
    assert.deepEqual(manifest['node-red'], {
      version: '>=4.1',
      nodes: { 'mqtt-persistent': 'dist/nodes/mqtt-persistent.js' },
      plugins: { 'mqtt-sessions': 'dist/plugins/mqtt-sessions.html' },
    });
  });

  it('says which Node.js it needs', () => {
    assert.deepEqual(manifest.engines, { node: '>=20.15' });
  });

  it('has at most six runtime dependencies', () => {
    const names = Object.keys({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.peerDependencies,
    });
    assert.ok(names.includes('mqtt') && names.includes('mqtt-packet'));
    assert.ok(names.length <= 6, `${names.length} dependencies: ${names.join(', ')}`);
  });

  it('publishes the built files, the examples and the documents', () => {
    assert.deepEqual([...manifest.files].sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'examples']);
    assert.equal(manifest.main, 'dist/src/index.js');
    assert.equal(manifest.types, 'dist/src/index.d.ts');
  });

  it('runs nothing where it is installed', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare'];
    assert.deepEqual(
      hooks.filter((hook) => hook in manifest.scripts),
      [],
    );
  });

  it('has an entry script for every script that names one', () => {
    const named = Object.entries(manifest.scripts).map(([name, script]) => [name, /^node (\S+)/.exec(script)?.[1]]);
    const missing = named.filter(([, file]) => file !== undefined && !fs.existsSync(path.join(root, file)));
    assert.deepEqual(missing, []);
  });
});

describe('package-lock.json', () => {
  let packages: [location: string, entry: LockedPackage][];

  before(() => {
    packages = Object.entries(readJson<Lockfile>('package-lock.json').packages);
    assert.ok(packages.length > 50, 'the lockfile has too few packages to be the real one');
  });

  it('names no registry host', () => {
    assert.deepEqual(
      packages.filter(([, { resolved }]) => resolved !== undefined).map(([location]) => location),
      [],
    );
    assert.doesNotMatch(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'), /"https?:\/\/[^"]*\.tgz"/);
    assert.match(fs.readFileSync(path.join(root, '.npmrc'), 'utf8'), /^omit-lockfile-registry-resolved=true$/m);
  });

  it('knows the binaries of every platform, without which npm ci refuses to install', () => {
    const locations = new Set(packages.map(([location]) => location));
    const missing = packages
      .filter(([, { inBundle }]) => inBundle !== true)
      .flatMap(([location, { optionalDependencies }]) =>
        Object.keys(optionalDependencies ?? {})
          .filter(
            (name) => !locations.has(`node_modules/${name}`) && !locations.has(`${location}/node_modules/${name}`),
          )
          .map((name) => `${location} needs ${name}`),
      );
    assert.deepEqual(missing, []);
  });

  it('holds nothing that needs an install script', () => {
    const withScript = packages.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    assert.deepEqual(
      withScript.map(([location]) => location).filter((location) => !scriptsNotNeeded.includes(location)),
      [],
    );
  });

  it('installs no script with the published package, needed or not', () => {
    const published = packages.filter(([, { dev, hasInstallScript }]) => dev !== true && hasInstallScript === true);
    assert.deepEqual(published, []);
  });
});
