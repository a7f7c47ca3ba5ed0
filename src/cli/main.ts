#!/usr/bin/env node
import { ExitCode, tell, UsageError } from './command';
import { commands } from './commands';
import { parseCall } from './parse';
import { usage } from './usage';

async function main(words: readonly string[]): Promise<number> {
  const line = parseCall(words);
  if (line.kind === 'command') return line.command.run(line.call);
  process.stdout.write(usage(line.of));
  return ExitCode.Done;
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
