import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { hygieneViolations } from '../architecture/hygiene';
import { readSources, root } from '../architecture/sources';
import { withInstallation } from './installation';

/** All files below `folder`, by their path in it, with `/` on every platform. */
function filesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter((file) => !file.startsWith('node_modules/'))
    .sort();
}

const sourcesIn = (folder: string, ...endings: string[]): string[] => [...readSources([folder], endings).keys()];

/** What the sources of the project make of the package. */
function expectedFiles(): string[] {
  const built = (file: string, ending: string): string => `dist/${file.replace(/\.ts$/, ending)}`;
  const languages = sourcesIn('nodes', '.json', '.html')
    .map((file) => /\/locales\/([^/]+\.(?:json|html))$/.exec(file)?.[1])
    .filter((file) => file !== undefined)
    .map((file) => `dist/nodes/locales/${file.replace('.', '/mqtt-persistent.')}`);
  return [
    ...sourcesIn('src', '.ts').flatMap((file) => [built(file, '.js'), built(file, '.d.ts')]),
    // The forms of the dialogs run only when the package is built.
    ...sourcesIn('nodes', '.ts')
      .filter((file) => path.basename(file) !== 'form.ts')
      .map((file) => built(file, '.js')),
    'dist/nodes/mqtt-persistent.html',
    'dist/plugins/mqtt-sessions.html',
    ...sourcesIn('plugins', '.json').map(
      (file) => `dist/plugins/locales/${path.posix.basename(file, '.json')}/mqtt-sessions.json`,
    ),
    ...new Set(languages),
    ...sourcesIn('icons', '.svg').map((file) => `dist/nodes/${file}`),
    ...sourcesIn('examples', '.json'),
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'package.json',
  ].sort();
}

describe('the packed package', () => {
  const installation = withInstallation();

  it('holds what is to be published, and nothing else', () => {
    assert.deepEqual(filesIn(installation.packageDir), expectedFiles());
  });

  it('holds every file that its package.json names', () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(installation.packageDir, 'package.json'), 'utf8'));
    const named: string[] = [
      manifest.main,
      manifest.types,
      ...Object.values<string>(manifest.bin),
      ...Object.values<string>(manifest['node-red'].nodes),
      ...Object.values<string>(manifest['node-red'].plugins),
    ];
    const files = filesIn(installation.packageDir);
    assert.deepEqual(
      named.filter((file) => !files.includes(file)),
      [],
    );
    assert.ok(named.length >= 4);
  });

  it('knows nothing of the machine that packed it', () => {
    const places = [root, os.homedir(), os.tmpdir()].filter((place) => place !== path.parse(place).root);
    const found = filesIn(installation.packageDir).flatMap((file) => {
      const text = fs.readFileSync(path.join(installation.packageDir, file), 'utf8');
      return [
        ...hygieneViolations(file, text),
        ...places.filter((place) => text.includes(place)).map((place) => `${file}: ${place}`),
        ...(text.includes('//# sourceMappingURL') ? [`${file}: refers to a source map`] : []),
      ];
    });
    assert.deepEqual(found, []);
  });

  it('brings nothing native, and nothing that runs when it is installed', () => {
    const modules = path.join(installation.userDir, 'node_modules');
    const files = fs.readdirSync(modules, { recursive: true, encoding: 'utf8' });
    const native = files.filter((file) => file.endsWith('.node') || path.basename(file) === 'binding.gyp');
    const { packages } = JSON.parse(fs.readFileSync(path.join(modules, '.package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    assert.ok(Object.keys(packages).length > 2);
    const scripts = Object.keys(packages).filter((name) => packages[name]?.hasInstallScript === true);
    assert.deepEqual({ native, scripts }, { native: [], scripts: [] });
  });
});
