// Node-RED as a child that is started again whenever it ends without being asked to.
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;
const STARTED = /Started flows/;
const LOG_TAIL_LENGTH = 4_000;

const endWithLauncher = fileURLToPath(new URL('end-with-launcher.cjs', import.meta.url));

export class NodeRed {
  #options;
  #child;
  #output = '';
  #started = false;
  #stopping = false;
  #whenGivenUp;

  /**
   * `options`: `program` (folder of the node-red package), `userDir`, `settings` and `log` (files), `environment`,
   * `report` (a function that gets a line of text).
   */
  constructor(options) {
    this.#options = options;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** Resolves when the flows are started. Rejects, with the end of the log, when Node-RED ends or hangs before. */
  async start() {
    const started = performance.now();
    await this.#launch();
    return (performance.now() - started) / 1000;
  }

  /** Keeps it running; resolves with an error when it cannot be started again. */
  supervise() {
    return new Promise((resolve) => {
      this.#whenGivenUp = resolve;
      this.#restartAtEnd();
    });
  }

  /** SIGKILL: no close, no last write. While it is starting, as after a double click on the button, nothing happens. */
  kill() {
    if (this.#started) {
      this.#child.kill('SIGKILL');
    }
  }

  /** Ends it as a service manager does, and by force when that takes too long. */
  async stop() {
    this.#stopping = true;
    const child = this.#child;
    if (child === undefined || !isRunning(child)) {
      return;
    }
    const ended = endOf(child);
    // Node-RED takes this message for a SIGTERM, which Windows does not have.
    if (child.connected) {
      child.send('shutdown');
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  #restartAtEnd() {
    void endOf(this.#child).then(async ({ exitCode, signal }) => {
      if (this.#stopping) {
        return;
      }
      const { report } = this.#options;
      report(`Node-RED ended (${signal ?? `exit code ${exitCode}`}); starting it again ...`);
      try {
        const seconds = await this.start();
        report(`Node-RED runs again, after ${seconds.toFixed(1)} s`);
        this.#restartAtEnd();
      } catch (error) {
        if (!this.#stopping) {
          this.#whenGivenUp(error);
        }
      }
    });
  }

  async #launch() {
    const { program, userDir, settings, log, environment } = this.#options;
    const child = spawn(
      process.execPath,
      ['--require', endWithLauncher, path.join(program, 'red.js'), '--userDir', userDir, '--settings', settings],
      {
        cwd: userDir,
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        // A Ctrl-C in the terminal is for the launcher, which ends all in its order.
        detached: process.platform !== 'win32',
      },
    );
    this.#child = child;
    this.#started = false;
    this.#output = '';
    const logFile = fs.createWriteStream(log, { flags: 'a' });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output = (this.#output + text).slice(-LOG_TAIL_LENGTH);
        logFile.write(text);
      });
    }
    child.once('close', () => logFile.end());
    await this.#whenStarted(child);
    this.#started = true;
  }

  #whenStarted(child) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`Node-RED ${why}. It wrote last:\n\n${this.#output}`));
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail(`did not start its flows within ${START_TIMEOUT_MS / 1000} s`);
      }, START_TIMEOUT_MS);
      child.stdout.on('data', () => {
        if (STARTED.test(this.#output)) {
          clearTimeout(timer);
          resolve();
        }
      });
      void endOf(child).then(({ exitCode, signal, error }) => {
        clearTimeout(timer);
        fail(error === undefined ? `ended with ${signal ?? `exit code ${exitCode}`}` : error.message);
      });
    });
  }
}

function isRunning(child) {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Resolves with `{ exitCode, signal, error }`, also when the child ended before, or could not be started. */
function endOf(child) {
  return new Promise((resolve) => {
    if (child.pid !== undefined && !isRunning(child)) {
      resolve({ exitCode: child.exitCode, signal: child.signalCode });
      return;
    }
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    child.once('error', (error) => resolve({ error }));
  });
}
