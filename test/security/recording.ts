import type { FileSystem } from '../../src/store/file-system';

export interface Call {
  operation: string;
  path: string;
  access?: string;
}

/** `fileSystem`, with a list of all that was asked of it. `done` is called after each call that succeeded. */
export function recording(
  fileSystem: FileSystem,
  done: (call: Call) => void = () => undefined,
): { fileSystem: FileSystem; calls: Call[] } {
  const calls: Call[] = [];
  const recorded: Record<string, unknown> = {};
  const names = ['open', 'makeDirectory', 'list', 'status', 'rename', 'link', 'remove', 'removeDirectory'] as const;
  for (const name of [...names, 'syncDirectory', 'space'] as const) {
    const call = fileSystem[name].bind(fileSystem) as (...all: unknown[]) => Promise<unknown>;
    recorded[name] = async (...all: unknown[]) => {
      const made: Call[] = [{ operation: name, path: String(all[0]) }];
      if (name === 'open') Object.assign(made[0] ?? {}, { access: String(all[1]) });
      if (name === 'rename' || name === 'link') made.push({ operation: name, path: String(all[1]) });
      calls.push(...made);
      const result = await call(...all);
      for (const one of made) done(one);
      return result;
    };
  }
  return { fileSystem: recorded as unknown as FileSystem, calls };
}
