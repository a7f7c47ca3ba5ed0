import * as assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';

type BuildEditor = (target: string, base: string) => Promise<string[]>;

/** The build is plain JavaScript; typed here as far as it is used. */
async function loadBuildEditor(): Promise<BuildEditor> {
  const module = (await import('../../scripts/lib/editor-parts.mjs' as string)) as { buildEditor: BuildEditor };
  return module.buildEditor;
}

describe('the build of the editor parts', () => {
  let folder: string;
  let buildEditor: BuildEditor;
  const target = (): string => path.join(folder, 'dist', 'nodes');

  beforeEach(async () => {
    buildEditor = await loadBuildEditor();
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-build-'));
  });

  afterEach(() => fs.rm(folder, { recursive: true, force: true }));

  async function write(files: Record<string, string>): Promise<void> {
    for (const [file, text] of Object.entries(files)) {
      await fs.mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await fs.writeFile(path.join(folder, file), text);
    }
  }

  const read = (file: string): Promise<string> => fs.readFile(path.join(target(), file), 'utf8');

  it('joins dialogs, texts and help where the loader looks for them', async () => {
    await write({
      'nodes/mqtt-session-store/edit.html': '<script>store</script>\n',
      'nodes/mqtt-session-store/form.ts':
        "import { row } from '../shared/form';\nexport const template: string = row('store');\n",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: source code.
      'nodes/shared/form.ts': 'export const row = (name: string): string => `<script>form of ${name}</script>`;\n',
      'nodes/mqtt-session-store/edit-parts.html': '<script>parts</script>\n',
      'nodes/mqtt-persistent-in/edit.html': '<script>in</script>\n',
      'nodes/shared/edit.html': '<script>shared</script>\n',
      'nodes/mqtt-persistent-in/locales/en-US.json': '{ "mqtt-persistent-in": { "label": "in" } }',
      'nodes/shared/locales/en-US.json': '{ "mqtt-persistent": { "errors": {} } }',
      'nodes/mqtt-persistent-in/locales/de.json': '{ "mqtt-persistent-in": { "label": "ein" } }',
      'nodes/mqtt-persistent-in/locales/en-US.html': '<script data-help-name="mqtt-persistent-in"></script>',
      'nodes/mqtt-persistent-in/mqtt-persistent-in.ts': '',
      'icons/session.svg': '<svg/>',
    });
    const types = await buildEditor(target(), folder);
    assert.deepEqual(types, ['mqtt-persistent-in', 'mqtt-session-store']);
    assert.equal(
      await read('mqtt-persistent.html'),
      [
        '<script>shared</script>',
        '<script>in</script>',
        '<script>form of store</script>',
        '<script>parts</script>',
        '<script>store</script>\n',
      ].join('\n\n'),
    );
    assert.deepEqual(JSON.parse(await read('locales/en-US/mqtt-persistent.json')), {
      'mqtt-persistent': { errors: {} },
      'mqtt-persistent-in': { label: 'in' },
    });
    assert.deepEqual(JSON.parse(await read('locales/de/mqtt-persistent.json')), {
      'mqtt-persistent-in': { label: 'ein' },
    });
    assert.match(await read('locales/en-US/mqtt-persistent.html'), /data-help-name="mqtt-persistent-in"/);
    assert.equal(await read('icons/session.svg'), '<svg/>');
  });

  it('refuses a form without a template, naming the file', async () => {
    await write({
      'nodes/mqtt-session-store/edit.html': '<script>store</script>\n',
      'nodes/mqtt-session-store/form.ts': 'export const form = 1;\n',
    });
    await assert.rejects(buildEditor(target(), folder), /mqtt-session-store\/form\.ts exports no template/);
  });

  it('refuses a text key that two files use, naming the file and the key', async () => {
    await write({
      'nodes/mqtt-persistent-in/locales/en-US.json': '{ "label": 1 }',
      'nodes/mqtt-persistent-out/locales/en-US.json': '{ "label": 2 }',
    });
    await assert.rejects(buildEditor(target(), folder), /mqtt-persistent-out\/locales\/en-US\.json.*"label"/);
  });

  it('names the file that is not JSON', async () => {
    await write({ 'nodes/shared/locales/de.json': '{ "label": }' });
    await assert.rejects(buildEditor(target(), folder), /nodes\/shared\/locales\/de\.json: /);
  });
});
