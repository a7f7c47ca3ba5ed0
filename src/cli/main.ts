#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { type Command, type CommandCall, commonOptions, ExitCode, tell, UsageError } from './command';
import { commands } from './commands';
import { usage } from './usage';

async function main(words: readonly string[]): Promise<number> {
  const [name = '', ...rest] = words;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    if (words.includes('--help')) {
      process.stdout.write(usage(commands));
      return ExitCode.Done;
    }
    throw new UsageError(name === '' ? 'No command.' : `There is no command "${name}".`);
  }
  const call = parse(command, rest);
  if (call.flag('help')) {
    process.stdout.write(usage({ [name]: command }));
    return ExitCode.Done;
  }
  const required = command.positionals.filter((positional) => positional.startsWith('<')).length;
  const { length } = call.positionals;
  if (length < required || length > command.positionals.length) {
    throw new UsageError(`${name} takes ${command.positionals.join(' ')}.`);
  }
  return command.run(call);
}

function parse(command: Command, words: readonly string[]): CommandCall {
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

// Whoever reads the output has had enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(ExitCode.Done);
});

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    tell(error.message);
    if (error instanceof UsageError) process.stderr.write(`\n${usage(commands)}`);
    process.exitCode = ExitCode.Failed;
  },
);
