import { cleanUp } from '../admin/clean-up';
import type { CleanUpResult } from '../store/clean-up';
import { type Command, ExitCode, print, printJson } from './command';
import { daysOf, KEEP_FAILED_DAYS, withStoragePath } from './offline-store';

export const cleanupCommand: Command = {
  positionals: ['<storage path>'],
  summary: 'deletes expired sessions that nobody has open, and what is too old among dead letters and in quarantine',
  options: {
    'keep-failed': {
      type: 'string',
      value: 'days',
      help: `how long dead letters and damaged files are kept; default: ${KEEP_FAILED_DAYS}`,
    },
  },
  async run({ positionals: [storagePath = ''], flag, option }) {
    const offline = { isRequired: true, keepFailedDays: daysOf(option('keep-failed')) };
    const result = await withStoragePath(storagePath, offline, cleanUp);
    const failed = result.failed.map(({ path, error }) => ({ path, message: error.message }));
    if (flag('json')) printJson({ ...result, failed });
    else print(...describe(result));
    return failed.length > 0 ? ExitCode.Failed : ExitCode.Done;
  },
};

function describe({ sessions, deadLetters, quarantined, failed }: CleanUpResult): string[] {
  return [
    ...sessions.map((session) => {
      const { clientId, messages, deadLetters: letters } = session;
      return `deleted ${JSON.stringify(clientId)}: expired, with ${messages} messages and ${letters} dead letters`;
    }),
    ...failed.map(({ path, error }) => `could not look at ${path}: ${error.message}`),
    `${sessions.length} sessions, ${deadLetters} dead letters and ${quarantined} entries of the quarantine deleted.`,
  ];
}
