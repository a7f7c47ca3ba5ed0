// Runs other programs, and never leaves one behind.
import { spawn } from 'node:child_process';
import * as path from 'node:path';

const windows = process.platform === 'win32';
const running = new Set();

/** Ends a child and everything it started (its process group; on Windows its process tree). */
function endTree(child) {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  if (windows) {
    spawn('taskkill', ['/pid', String(child.pid), '/t', '/f'], { stdio: 'ignore' });
    return;
  }
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') {
      throw error;
    }
  }
}

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => {
    for (const child of running) {
      endTree(child);
    }
    process.exit(exitCode);
  });
}

/**
 * Runs a program in a process group of its own and waits for its end.
 *
 * `options`: `cwd`, `env`, `timeoutMs` (then the whole group is killed), `stdout` (`inherit`, default, `pipe` to get it
 * as `output`, or `stderr` to keep our own stdout clean).
 * Answers `{ exitCode, signal, timedOut, output }`; `exitCode` is null after a signal. Rejects when the program could
 * not be started.
 */
export function run(program, args, { cwd, env, timeoutMs, stdout = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: env ?? process.env,
      detached: !windows,
      stdio: ['ignore', stdout === 'stderr' ? process.stderr : stdout, 'inherit'],
    });
    running.add(child);
    let timedOut = false;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            endTree(child);
          }, timeoutMs);
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    const settled = () => {
      clearTimeout(timer);
      running.delete(child);
    };
    child.on('error', (error) => {
      settled();
      reject(new Error(`${program} could not be started: ${error.message}`));
    });
    child.on('close', (exitCode, signal) => {
      settled();
      resolve({ exitCode, signal, timedOut, output });
    });
  });
}

/** `process.env` without what npm adds about the package and script that it runs; settings such as a proxy stay. */
export function environmentForNpm() {
  const own = /^npm_(package|lifecycle)_|^npm_config_(local_prefix|prefix|loglevel|json|workspace)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

/** Runs npm: the one that runs us, else the one beside this Node, without a shell where possible. */
export function npm(args, options = {}) {
  const running = process.env.npm_execpath;
  const withEnvironment = { env: environmentForNpm(), ...options };
  if (running !== undefined && path.basename(running) === 'npm-cli.js') {
    return run(process.execPath, [running, ...args], withEnvironment);
  }
  if (windows) {
    return run(process.env.ComSpec ?? 'cmd.exe', ['/d', '/s', '/c', 'npm', ...args], withEnvironment);
  }
  return run('npm', args, withEnvironment);
}
