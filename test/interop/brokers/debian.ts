import { spawnSync } from 'node:child_process';

/** Version of an installed Debian package, as `dpkg` says it; undefined: not installed, or no Debian. */
export function debianVersion(name: string): string | undefined {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', name], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split('\t')[1] : undefined;
}
