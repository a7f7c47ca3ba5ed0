// Programs that come from the system's package manager: the broker and the browser that the tests use.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { run } from './command.mjs';

/**
 * Per program: the environment variable that names it (for a program in an unusual place, and how the suites get the
 * path), the names and places to look for, and its package per package manager (of the last three, which only the
 * interoperability run needs, on Debian alone).
 */
const programs = {
  mosquitto: {
    variable: 'MOSQUITTO',
    names: ['mosquitto'],
    places: ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin', 'C:\\Program Files\\mosquitto'],
    apt: 'mosquitto',
    brew: 'mosquitto',
    winget: 'EclipseFoundation.Mosquitto',
  },
  chromium: {
    variable: 'CHROMIUM',
    names: ['chromium', 'chromium-browser', 'google-chrome', 'chrome', 'Chromium'],
    places: [
      '/Applications/Chromium.app/Contents/MacOS',
      'C:\\Program Files\\Chromium\\Application',
      'C:\\Program Files\\Google\\Chrome\\Application',
    ],
    apt: 'chromium',
    brew: '--cask chromium',
    winget: 'Hibbiki.Chromium',
  },
  'nats-server': { variable: 'NATS_SERVER', names: ['nats-server'], places: ['/usr/sbin'], apt: 'nats-server' },
  'rabbitmq-server': {
    variable: 'RABBITMQ_SERVER',
    // Behind the script of this name in the PATH of Debian, which changes to the user of the service.
    names: ['bin/rabbitmq-server'],
    places: ['/usr/lib/rabbitmq'],
    apt: 'rabbitmq-server',
  },
  ejabberd: { variable: 'EJABBERDCTL', names: ['ejabberdctl'], places: ['/usr/sbin'], apt: 'ejabberd' },
};

/** Whether we can run that file; one in a folder that we may not read is none. */
function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Path of a program, or undefined. */
function find({ variable, names, places }) {
  const named = process.env[variable];
  if (named !== undefined && named !== '') {
    return named;
  }
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...places].filter((folder) => folder !== '');
  const extension = process.platform === 'win32' ? '.exe' : '';
  return folders.flatMap((folder) => names.map((name) => path.join(folder, name + extension))).find(isProgram);
}

/** The one command that a person would type. */
function installCommand(missing) {
  const names = (manager) => missing.map((program) => programs[program][manager]).join(' ');
  if (process.platform === 'darwin') {
    return missing.map((program) => `brew install ${programs[program].brew}`).join(' && ');
  }
  if (process.platform === 'win32') {
    return missing.map((program) => `winget install ${programs[program].winget}`).join(' && ');
  }
  return `sudo apt-get install ${names('apt')}`;
}

/**
 * Installs Debian packages without questions and without starting their services: a policy of 101 says no to every
 * start (invoke-rc.d). A policy that the machine already has stays as it is.
 */
const aptScript = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends "$@"
`;

/** Tries to; whether it worked shows when the programs are looked for again. */
async function installWithApt(missing, log) {
  const packages = missing.map((program) => programs[program].apt);
  log(`Installing ${packages.join(', ')} with apt-get (services are not started) ...`);
  const shell = ['sh', '-c', aptScript, 'apt', ...packages];
  const [program, ...args] = process.getuid() === 0 ? shell : ['sudo', '-n', ...shell];
  try {
    const { exitCode } = await run(program, args, { stdout: 'stderr' });
    if (exitCode !== 0) {
      log(`apt-get ended with exit code ${exitCode}.`);
    }
  } catch (error) {
    log(error.message);
  }
}

/**
 * Finds the programs, and installs what is missing when we may: as root, or with `CI=true`. Answers the environment
 * variables that name them, or undefined when some are missing; then the command that installs them was printed.
 */
export async function ensurePrograms(wanted, { ci, log = console.error }) {
  const missing = () => wanted.filter((program) => find(programs[program]) === undefined);
  const apt = process.platform === 'linux' && find({ names: ['apt-get'], places: [], variable: '' }) !== undefined;
  if (missing().length > 0 && apt && (ci || process.getuid() === 0)) {
    await installWithApt(missing(), log);
  }
  if (missing().length > 0) {
    log(`The tests need ${missing().join(' and ')}. Please run:\n\n    ${installCommand(missing())}\n`);
    return undefined;
  }
  return Object.fromEntries(wanted.map((program) => [programs[program].variable, find(programs[program])]));
}
