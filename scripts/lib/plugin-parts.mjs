// Joins the parts of the editor plugin into the one file that Node-RED's loader expects.
//
//   src/convert/index.ts                        bundled, as window.mqttSessionsConverter  -> mqtt-sessions.html
//   plugins/mqtt-sessions/sidebar/index.ts      bundled, as window.mqttSessionsSidebar    -> mqtt-sessions.html
//   plugins/mqtt-sessions/sidebar/*.css         styles                                    -> mqtt-sessions.html
//   plugins/mqtt-sessions/*.html                parts of the plugin, after them           -> mqtt-sessions.html
//   plugins/mqtt-sessions/locales/<lang>.json   texts                                     -> locales/<lang>/mqtt-sessions.json
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { build } from 'esbuild';
import { filesBelow, root } from './project.mjs';

const folder = 'plugins/mqtt-sessions';
const plugin = 'mqtt-sessions';

/** `shared` is what the others start from; `register` uses them all. */
const first = `${folder}/shared.html`;
const last = `${folder}/register.html`;

/** Of the sidebar; `sidebar` is what the others go on from. */
const styles = ['sidebar', 'list', 'details', 'dialog'];

/** A module as a script for browsers that Node-RED 4 supports. */
async function script(entryPoint, globalName) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entryPoint],
    bundle: true,
    format: 'iife',
    globalName,
    platform: 'browser',
    target: 'es2020',
    write: false,
    logLevel: 'warning',
  });
  return `<script type="text/javascript">\n${outputFiles[0].text.trim()}\n</script>`;
}

/** Writes the plugin below `target` (normally `dist/plugins`). Throws with the file's name on invalid JSON. */
export async function buildPlugin(target) {
  const files = await filesBelow(folder);
  const read = (file) => fs.readFile(path.join(root, file), 'utf8');
  const write = async (file, text) => {
    await fs.mkdir(path.dirname(path.join(target, file)), { recursive: true });
    await fs.writeFile(path.join(target, file), text);
  };
  const between = files.filter((file) => /^[^/]+\/[^/]+\/[^/]+\.html$/.test(file) && file !== first && file !== last);
  const css = await Promise.all(styles.map((name) => read(`${folder}/sidebar/${name}.css`)));
  const parts = [
    await script('src/convert/index.ts', 'mqttSessionsConverter'),
    `<style>\n${css.join('').trim()}\n</style>`,
    await script(`${folder}/sidebar/index.ts`, 'mqttSessionsSidebar'),
  ];
  for (const file of [first, ...between.sort(), last]) {
    parts.push((await read(file)).trim());
  }
  await write(`${plugin}.html`, `${parts.join('\n\n')}\n`);
  for (const file of files.filter((name) => name.endsWith('.json'))) {
    let texts;
    try {
      texts = JSON.parse(await read(file));
    } catch (error) {
      throw new Error(`${file}: ${error.message}`);
    }
    await write(`locales/${path.basename(file, '.json')}/${plugin}.json`, `${JSON.stringify(texts, null, 2)}\n`);
  }
}
