import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import { errorCode } from '../errors';

/** Who holds a lock. Strings that a platform cannot tell are empty. */
export interface HolderIdentity {
  host: string;
  /** Changes with each boot of the machine. */
  bootId: string;
  pidNamespace: string;
  pid: number;
  /** Start time of the process in units of the platform; tells a process from a later one with the same pid. */
  processStart: string;
}

/** What a process can find out about itself and its neighbours. Injectable, so that tests play any machine. */
export interface HolderFacts {
  self(): Promise<HolderIdentity>;
  /** Whether processes of this pid namespace see all of the machine: it is not a container's. */
  isFirstNamespace(pidNamespace: string): boolean;
  /**
   * State of a process in our own pid namespace; `start` as in `HolderIdentity`, empty when it cannot be told.
   * Undefined when there is none, or only a zombie left.
   */
  process(pid: number): Promise<{ start: string } | undefined>;
  /** Whether a process of another pid namespace is visible from ours (from the machine's first one, those of containers). */
  isNamespaceInUse(pidNamespace: string): Promise<boolean>;
}

/** PROC_PID_INIT_INO of the Linux kernel: the namespace that is not a container's. */
const FIRST_LINUX_NAMESPACE = 'pid:[4026531836]';

/** The facts of this machine: exact on Linux; elsewhere boot and process start are unknown and the pid alone decides. */
export const systemHolderFacts: HolderFacts = {
  async self() {
    const linux = process.platform === 'linux';
    return {
      host: os.hostname(),
      bootId: linux ? (await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim() : '',
      pidNamespace: linux ? await fs.readlink('/proc/self/ns/pid') : '',
      pid: process.pid,
      processStart: (await processStart(process.pid))?.start ?? '',
    };
  },

  isFirstNamespace: (pidNamespace) => pidNamespace === '' || pidNamespace === FIRST_LINUX_NAMESPACE,

  async process(pid) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      if (errorCode(error) === 'ESRCH') return undefined;
      // EPERM: there is one, of another user.
      if (errorCode(error) !== 'EPERM') throw error;
    }
    return process.platform === 'linux' ? processStart(pid) : { start: '' };
  },

  async isNamespaceInUse(pidNamespace) {
    if (process.platform !== 'linux') return false;
    for (const name of await fs.readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      if ((await namespaceOf(name)) === pidNamespace) return true;
    }
    return false;
  },
};

/** A process that ends meanwhile, or belongs to another user, says nothing: undefined. */
async function namespaceOf(process: string): Promise<string | undefined> {
  try {
    return await fs.readlink(`/proc/${process}/ns/pid`);
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** From /proc/<pid>/stat: field 22, and whether field 3 says that the process has ended (Z, X). */
async function processStart(pid: number): Promise<{ start: string } | undefined> {
  let stat: string;
  try {
    stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    // ESRCH: ended while reading. Where /proc hides other users' processes it is ENOENT: alive, start unknown.
    return errorCode(error) === 'ESRCH' ? undefined : { start: '' };
  }
  // The name in parentheses may contain spaces and parentheses; fields are counted behind it, from field 3 on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0] ?? '';
  return state === 'Z' || state === 'X' ? undefined : { start: fields[19] ?? '' };
}
