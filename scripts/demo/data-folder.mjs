// The folder with everything that the demo keeps. It is Node-RED's user directory as well.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../lib/project.mjs';

const shippedFlow = fileURLToPath(new URL('flow.json', import.meta.url));

/** Written first at each start: how to find the running demo, and a mark that this folder is the demo's. */
const RUNNING = 'demo.json';
const COUNTER = 'counter.json';

async function readIfThere(file) {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

async function writeJson(file, value) {
  await fs.writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

export class DataFolder {
  /** `folder`: absolute path; it need not exist. */
  constructor(folder) {
    this.path = folder;
    this.log = this.#file('node-red.log');
    this.settings = this.#file('settings.js');
  }

  #file(...names) {
    return path.join(this.path, ...names);
  }

  /** Throws when a demo runs on this folder: two would share one flow and one session. */
  async refuseSecond() {
    const running = await readIfThere(this.#file(RUNNING));
    if (running === undefined) {
      return;
    }
    const { url, control } = JSON.parse(running);
    const answers = await fetch(`${control}/counter`, { signal: AbortSignal.timeout(2_000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answers) {
      throw new Error(`The demo runs already: ${url} (data in ${this.path}).`);
    }
  }

  /** Throws when the folder holds something else than a demo's data: nothing of it is overwritten or deleted. */
  async refuseForeign() {
    const names = await fs.readdir(this.path).catch((error) => {
      if (error.code === 'ENOENT') {
        return [];
      }
      throw error;
    });
    if (names.length > 0 && !names.includes(RUNNING)) {
      throw new Error(`${this.path} was not made by the demo (it has no ${RUNNING}); please name another folder.`);
    }
  }

  async reset() {
    await fs.rm(this.path, { recursive: true, force: true });
  }

  /**
   * Prepares Node-RED's user directory: settings, flow, and the package as npm would have linked it. `url` is where a
   * person finds the editor, `control` what its buttons talk to.
   */
  async prepare({ url, port, control }) {
    await fs.mkdir(this.path, { recursive: true });
    await writeJson(this.#file(RUNNING), { url, control });
    await this.#writeSettings(port);
    await this.#writeFlow();
    await this.#linkPackage();
    await fs.rm(this.log, { force: true });
  }

  async #writeSettings(port) {
    const settings = {
      uiHost: '127.0.0.1',
      uiPort: port,
      flowFile: 'flows.json',
      credentialSecret: false,
      lang: 'en-US',
      telemetry: { enabled: false, updateNotification: false },
      editorTheme: { tours: false, page: { title: 'Persistent MQTT' }, header: { title: 'Persistent MQTT' } },
    };
    await fs.writeFile(this.settings, `module.exports = ${JSON.stringify(settings, null, 2)};\n`);
    // The editor's own settings, which a person may change: its tips would cover the steps in the info sidebar.
    const users = this.#file('.config.users.json');
    if ((await readIfThere(users)) === undefined) {
      await writeJson(users, { _: { editor: { view: { 'view-show-tips': false } } } });
    }
  }

  /** Our flow, unless a person changed it. What we wrote last is kept beside it, to tell. */
  async #writeFlow() {
    const flow = await fs.readFile(shippedFlow, 'utf8');
    const present = await readIfThere(this.#file('flows.json'));
    if (present === undefined || present === (await readIfThere(this.#file('flows.shipped.json')))) {
      await fs.writeFile(this.#file('flows.json'), flow);
      await fs.writeFile(this.#file('flows.shipped.json'), flow);
    }
  }

  async #linkPackage() {
    const { name, version } = JSON.parse(await fs.readFile(path.join(root, 'package.json'), 'utf8'));
    const link = this.#file('node_modules', name);
    await fs.mkdir(path.dirname(link), { recursive: true });
    await fs.rm(link, { recursive: true, force: true });
    await fs.symlink(root, link, 'junction');
    await writeJson(this.#file('package.json'), {
      name: 'mqtt-sessions-demo',
      private: true,
      dependencies: { [name]: version },
    });
  }

  /**
   * The counter that the last run left, or undefined. It is taken away: a run that is killed leaves none, because what
   * it had counted since would be missing in it.
   */
  async takeCounter() {
    const saved = await readIfThere(this.#file(COUNTER));
    await fs.rm(this.#file(COUNTER), { force: true });
    return saved === undefined ? undefined : JSON.parse(saved);
  }

  async writeCounter(counter) {
    await writeJson(this.#file(COUNTER), counter);
  }
}
