#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { inspectCommand } from './inspect';
import { listCommand } from './list';

const HELP = `Usage: mqtt-sessions <command> <storage path> [options]

Reads the sessions of a storage path, also while they are in use; nothing is changed.

  list <storage path>                 all sessions, as of their last snapshots
  inspect <storage path> <client id>  one session, with its subscriptions and messages in flight

  --json    machine-readable output
  --help    this text

Exit codes: 0 done, 1 a session is damaged, 2 wrong arguments or the path cannot be read.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  const [command, path, clientId] = positionals;
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (command === 'list' && path !== undefined) return listCommand(path, values.json);
  if (command === 'inspect' && path !== undefined && clientId !== undefined) {
    return inspectCommand(path, clientId, values.json);
  }
  process.stderr.write(HELP);
  return 2;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    process.stderr.write(`mqtt-sessions: ${error.message}\n`);
    process.exitCode = 2;
  },
);
