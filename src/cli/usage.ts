import { type Command, commonOptions, type OptionDefinition } from './command';

const INTRODUCTION = `Usage: mqtt-sessions <command> ...

Looks at the MQTT sessions in a storage path, checks them and brings them elsewhere. list and inspect read also while a
session is in use; all other commands refuse then, and name the process that has it open.
`;

const EXIT_CODES = `Exit codes: 0 done, 1 a session is damaged, 2 wrong arguments, or a path that cannot be read or is in use.
`;

/** The text of --help. */
export function usage(commands: Readonly<Record<string, Command>>): string {
  const list = Object.entries(commands).map(([name, command]) => {
    const own = Object.entries(command.options ?? {}).map((option) => `      ${describeOption(option)}\n`);
    return `  ${name} ${command.positionals.join(' ')}\n      ${command.summary}\n${own.join('')}`;
  });
  const common = Object.entries(commonOptions).map((option) => `  ${describeOption(option)}\n`);
  return [INTRODUCTION, list.join(''), common.join(''), EXIT_CODES].join('\n');
}

function describeOption([name, { value, help }]: [string, OptionDefinition]): string {
  return `--${name}${value === undefined ? '' : ` <${value}>`}  ${help}`;
}
