/** An option of a command: `--name`, with a value or without. */
export interface OptionDefinition {
  type: 'boolean' | 'string';
  /** What its value is, for the usage text. */
  value?: string;
  help: string;
}

/** What was given on the command line. */
export interface CommandCall {
  /** Behind the command's name; as many as it asks for. */
  positionals: readonly string[];
  flag(name: string): boolean;
  option(name: string): string | undefined;
}

/** Exit codes: scripts rely on them. */
export const ExitCode = {
  Done: 0,
  /** A session is damaged, or could not be read. */
  Damaged: 1,
  /** Wrong arguments, a path that cannot be used or is in use, or any other error. */
  Failed: 2,
} as const;

export interface Command {
  /** For the usage text: `<required>`, `[optional]`. */
  positionals: readonly `${'<' | '['}${string}${'>' | ']'}`[];
  summary: string;
  options?: Readonly<Record<string, OptionDefinition>>;
  /** @returns the exit code. @throws Error with a message for the person who called. */
  run(call: CommandCall): Promise<number>;
}

/** Every command understands these. */
export const commonOptions = {
  json: { type: 'boolean', help: 'machine-readable output' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Record<string, OptionDefinition>;

/** A command was called in a way it does not understand. */
export class UsageError extends Error {}

export function print(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** For the person at the terminal; never part of the output. */
export function tell(text: string): void {
  process.stderr.write(`mqtt-sessions: ${text}\n`);
}
