import { cpus } from 'node:os';

/** What the figures were measured on, in a line. */
export function machine(): string {
  const [first] = cpus();
  const processor = first?.model.trim() ?? 'unknown processor';
  return `${cpus().length} x ${processor}, ${process.platform} ${process.arch}, Node.js ${process.version}`;
}
