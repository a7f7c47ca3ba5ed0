import { parseArgs } from 'node:util';
import { type Command, type CommandCall, commonOptions, UsageError } from './command';
import { commands } from './commands';

/** What a command line asks for: a text to print, or a command with its call. */
export type ParsedLine =
  | { kind: 'usage'; of: Readonly<Record<string, Command>>; call?: undefined }
  | { kind: 'command'; command: Command; call: CommandCall };

/** Reads the words behind the program's name. @throws UsageError for what is no call of a command. */
export function parseCall(words: readonly string[]): ParsedLine {
  const [name = '', ...rest] = words;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    if (words.includes('--help')) return { kind: 'usage', of: commands };
    throw new UsageError(name === '' ? 'No command.' : `There is no command "${name}".`);
  }
  const call = readOptions(command, rest);
  if (call.flag('help')) return { kind: 'usage', of: { [name]: command } };
  const required = command.positionals.filter((positional) => positional.startsWith('<')).length;
  const { length } = call.positionals;
  if (length < required || length > command.positionals.length) {
    throw new UsageError(`${name} takes ${command.positionals.join(' ')}.`);
  }
  return { kind: 'command', command, call };
}

function readOptions(command: Command, words: readonly string[]): CommandCall {
  const definitions = Object.entries({ ...command.options, ...commonOptions });
  const options = Object.fromEntries(definitions.map(([name, { type }]) => [name, { type }]));
  try {
    const { values, positionals } = parseArgs({ args: [...words], allowPositionals: true, options });
    const given: Readonly<Record<string, unknown>> = values;
    return {
      positionals,
      flag: (name) => given[name] === true,
      option: (name) => (typeof given[name] === 'string' ? given[name] : undefined),
    };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
