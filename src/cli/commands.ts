import { cleanupCommand } from './cleanup';
import type { Command } from './command';
import { convertCommand } from './convert';
import { exportCommand } from './export';
import { importCommand } from './import';
import { inspectCommand } from './inspect';
import { listCommand } from './list';
import { repairCommand } from './repair';
import { verifyCommand } from './verify';

/** All commands, in the order of the usage text. */
export const commands: Readonly<Record<string, Command>> = {
  list: listCommand,
  inspect: inspectCommand,
  verify: verifyCommand,
  repair: repairCommand,
  export: exportCommand,
  import: importCommand,
  cleanup: cleanupCommand,
  convert: convertCommand,
};
