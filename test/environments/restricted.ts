// What a process may do less than the one that runs the tests.
import { spawnSync } from 'node:child_process';
import type { NodeRedOptions } from '../support/node-red-process';

/** Options for a process that file permissions hold back also when root runs the tests. Needs setpriv (util-linux). */
export function heldBackByPermissions(): NodeRedOptions {
  if (process.getuid?.() !== 0) return {};
  const without = '-dac_override,-dac_read_search';
  return { wrapper: ['setpriv', '--bounding-set', without, '--inh-caps', without] };
}

/** How a file system may be mounted where only one process sees it; undefined: not at all. */
function mounter(): readonly string[] | undefined {
  return [
    ['unshare', '-m'],
    ['unshare', '-rm'],
  ].find(([program, ...args]) => {
    const { status } = spawnSync(program as string, [...args, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
    return status === 0;
  });
}

/** Fills the file system of `smallFileSystem`. */
export const FILLER = 'filler';

/**
 * Options for a process that finds a file system of `mebibytes` at `directory`, full to the last byte if `full`. The
 * test reaches that through `/proc/<pid>/root`. Undefined where mounting is not possible.
 */
export function smallFileSystem(
  directory: string,
  mebibytes: number,
  { full = false } = {},
): NodeRedOptions | undefined {
  const mount = mounter();
  if (mount === undefined) return undefined;
  const fill = full ? `cat /dev/zero >"$0/${FILLER}" 2>/dev/null; ` : '';
  const script = `mount -t tmpfs -o size=${mebibytes}m tmpfs "$0" || exit 1; ${fill}exec "$@"`;
  return { wrapper: [...mount, 'sh', '-c', script, directory] };
}
