// The package as its users get it: packed, and installed by npm into a directory that holds nothing else.
import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { root } from '../architecture/sources';

export const packageName = '@mqtt-sessions/node-red';

const PACK_AND_INSTALL_MS = 90_000;
const RUN_MS = 30_000;

interface Ended {
  exitCode: number | null;
  output: string;
}

type Npm = (args: string[], options: { cwd: string; stdout: 'pipe'; timeoutMs: number }) => Promise<Ended>;

/**
 * Runs npm in `cwd` and answers what it wrote to its standard output.
 * @throws Error when it ends with another exit code than 0.
 */
export async function npm(cwd: string, ...args: string[]): Promise<string> {
  // The scripts are plain JavaScript; typed here as far as they are used.
  const command = (await import('../../scripts/lib/command.mjs' as string)) as { npm: Npm };
  const options = { cwd, stdout: 'pipe', timeoutMs: PACK_AND_INSTALL_MS } as const;
  const { exitCode, output } = await command.npm(['--loglevel=error', ...args], options);
  if (exitCode !== 0) throw new Error(`npm ${args.join(' ')} ended with exit code ${exitCode}:\n${output}`);
  return output;
}

/** A directory in which the package is installed, and nothing else. */
export interface Installation {
  /** The user directory. */
  readonly userDir: string;
  /** Where npm put the package. */
  readonly packageDir: string;
}

/** Packs and installs before the tests of the suite that calls it, and removes everything after them. */
export function withInstallation(): Installation {
  let folder: string | undefined;
  const userDir = (): string => {
    if (folder === undefined) throw new Error('the package is installed only while tests run');
    return path.join(folder, 'user');
  };

  before(async function () {
    this.timeout(2 * PACK_AND_INSTALL_MS);
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-pack-'));
    await fs.mkdir(userDir());
    await fs.writeFile(path.join(userDir(), 'package.json'), '{ "name": "node-red-project", "private": true }\n');
    // What is built is packed: the script before packing would build it again, under the feet of other tests.
    await npm(root, 'pack', '--ignore-scripts', '--pack-destination', folder);
    const [tarball, ...others] = (await fs.readdir(folder)).filter((file) => file.endsWith('.tgz'));
    if (tarball === undefined || others.length > 0) throw new Error('npm pack did not make exactly one tarball');
    const options = ['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'];
    await npm(userDir(), 'install', ...options, path.join(folder, tarball));
  });

  after(async () => {
    if (folder !== undefined) await fs.rm(folder, { recursive: true, force: true });
  });

  return {
    get userDir() {
      return userDir();
    },
    get packageDir() {
      return path.join(userDir(), 'node_modules', packageName);
    },
  };
}

export interface ProgramEnd {
  exitCode: number | string | null;
  stdout: string;
  stderr: string;
}

/** Runs a program in `cwd` to its end; it is killed after 30 s. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    execFile(file, args, { ...options, timeout: RUN_MS }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : (error.code ?? error.signal ?? null), stdout, stderr });
    });
  });
}
