// Runs a real Node-RED as a child process, so that it can be killed, restarted and opened in a browser.
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { freePort } from './ports';
import { waitFor, within } from './wait';

const projectRoot = path.resolve(__dirname, '..', '..');
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const PORT_ATTEMPTS = 3;

const launched = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of launched) child.kill('SIGKILL');
});

export interface NodeRedOptions {
  /** Written as the flow file. Omitted: the flow file that the user directory has stays (a restart). */
  flows?: readonly object[];
  /** Added to the settings; must survive JSON. */
  settings?: Record<string, unknown>;
  /** Port of the editor on 127.0.0.1. Default: a free one. */
  port?: number;
  /** Folder of a package to link into the user directory, as npm would install it. Default: this project; `null`: none. */
  packageFolder?: string | null;
  /** Environment of the process, in addition to this one's; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** Node.js. Default: NODE_BINARY, else the one that runs the test. */
  nodeBinary?: string;
  /** Folder that holds `red.js`. Default: NODE_RED_DIR, else the one in node_modules. */
  nodeRedDir?: string;
  /** JavaScript at the end of the settings file, which may change `module.exports`. */
  settingsCode?: string;
  /** More arguments of `red.js`. */
  args?: readonly string[];
  /** Does not name the user directory to Node-RED: it finds one by itself, or none. */
  withoutUserDir?: boolean;
  /** Working directory. Default: the user directory. */
  cwd?: string;
  /** A program with its arguments that runs Node-RED in its own place, as `exec` does. */
  wrapper?: readonly string[];
  /** Called when the files of the user directory are there, before Node-RED starts. */
  beforeLaunch?: () => void;
  /** Gets the process before its flows are started, so that it can be killed while it starts. */
  onSpawn?: (process: NodeRedProcess) => void;
}

export type DeploymentType = 'full' | 'nodes' | 'flows' | 'reload';

export interface NodeRedProcess {
  /** Of the editor and the admin API, without a slash at the end. */
  readonly url: string;
  readonly pid: number;
  /** Everything the process wrote, standard output and error, as it came. */
  logs(): string;
  /** Replaces the flows by the admin API; answers when they are started. */
  deploy(flows: readonly object[], type?: DeploymentType): Promise<void>;
  /** Ends it as a service manager does (SIGTERM) and waits. Does nothing when it is over already. */
  stop(): Promise<void>;
  /** SIGKILL, and waits until the process is gone. Does nothing when it is over already. */
  kill(): Promise<void>;
}

/**
 * Starts Node-RED on a user directory and waits until its flows are started, or it says why they are not.
 *
 * @throws Error with everything the process wrote, when it ends instead of starting, or does not start in time.
 */
export async function startNodeRed(userDir: string, options: NodeRedOptions = {}): Promise<NodeRedProcess> {
  await prepareUserDirectory(userDir, options);
  for (let attempt = 1; ; attempt++) {
    const port = await writeSettings(userDir, options);
    options.beforeLaunch?.();
    const running = launch(userDir, port, options);
    options.onSpawn?.(running);
    try {
      await waitFor(() => running.isReady(), {
        what: 'Node-RED to start its flows',
        timeoutMs: START_TIMEOUT_MS,
        intervalMs: 50,
        detail: running.logs,
      });
      return running;
    } catch (error) {
      await running.kill();
      const portTaken = options.port === undefined && /EADDRINUSE|port in use/i.test(running.logs());
      if (!portTaken || attempt === PORT_ATTEMPTS) {
        throw error;
      }
    }
  }
}

/** Writes the flows, and links the package as an installed one: `nodesDir` would load it in another way. */
async function prepareUserDirectory(userDir: string, { flows, packageFolder }: NodeRedOptions): Promise<void> {
  await fs.mkdir(userDir, { recursive: true });
  if (flows) {
    await fs.writeFile(path.join(userDir, 'flows.json'), JSON.stringify(flows));
  }
  if (packageFolder === null) {
    return;
  }
  const folder = packageFolder ?? projectRoot;
  const { name, version } = JSON.parse(await fs.readFile(path.join(folder, 'package.json'), 'utf8')) as PackageJson;
  const link = path.join(userDir, 'node_modules', name);
  await fs.rm(link, { recursive: true, force: true });
  await fs.mkdir(path.dirname(link), { recursive: true });
  await fs.symlink(folder, link, 'junction');
  const userPackage = { name: 'node-red-project', private: true, dependencies: { [name]: version } };
  await fs.writeFile(path.join(userDir, 'package.json'), JSON.stringify(userPackage));
}

interface PackageJson {
  name: string;
  version: string;
}

/** Writes the settings file and answers with the port in it. */
async function writeSettings(userDir: string, { port, settings, settingsCode = '' }: NodeRedOptions): Promise<number> {
  const uiPort = port ?? (await freePort());
  const complete = {
    uiHost: '127.0.0.1',
    uiPort,
    flowFile: 'flows.json',
    credentialSecret: 'test',
    lang: 'en-US',
    telemetry: { enabled: false },
    ...settings,
    editorTheme: { tours: false, ...(settings?.editorTheme as object | undefined) },
  };
  const code = `module.exports = ${JSON.stringify(complete, null, 2)};\n${settingsCode}\n`;
  await fs.writeFile(path.join(userDir, 'settings.js'), code);
  return uiPort;
}

function launch(userDir: string, port: number, options: NodeRedOptions): NodeRedProcess & { isReady(): boolean } {
  const { env, args = [], withoutUserDir, cwd = userDir, wrapper = [] } = options;
  const folder =
    options.nodeRedDir ?? process.env.NODE_RED_DIR ?? path.dirname(require.resolve('node-red/package.json'));
  const [program, ...programArgs] = [
    ...wrapper,
    options.nodeBinary ?? process.env.NODE_BINARY ?? process.execPath,
    path.join(folder, 'red.js'),
    ...(withoutUserDir ? [] : ['--userDir', userDir]),
    ...['--settings', path.join(userDir, 'settings.js')],
    ...args,
  ] as [string, ...string[]];
  const child = spawn(program, programArgs, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  launched.add(child);
  child.once('exit', () => launched.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  let spawnError: Error | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      spawnError = error;
      resolve();
    });
  });
  const url = `http://127.0.0.1:${port}`;

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!isRunning(child)) {
      return;
    }
    child.kill(signal);
    try {
      await within(exited, STOP_TIMEOUT_MS, `Node-RED to end after ${signal}`);
    } catch (error) {
      child.kill('SIGKILL');
      await exited;
      throw new Error(`Node-RED did not end in time after ${signal}. It wrote:\n${output}`, { cause: error });
    }
  }

  return {
    url,
    pid: child.pid ?? -1,
    logs: () => output,
    isReady() {
      if (spawnError) {
        throw spawnError;
      }
      if (!isRunning(child)) {
        throw new Error(`Node-RED ended with exit code ${child.exitCode} instead of starting. It wrote:\n${output}`);
      }
      return /Started flows|Flows sind gestartet|Waiting for missing types|Flows stopped in safe mode/.test(output);
    },
    async deploy(flows, type = 'full') {
      const response = await fetch(`${url}/flows`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Node-RED-Deployment-Type': type },
        body: JSON.stringify(flows),
      });
      if (!response.ok) {
        throw new Error(`Node-RED refused a "${type}" deploy: ${response.status} ${await response.text()}`);
      }
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/** Neither exited, nor killed by a signal, nor never started. */
function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
