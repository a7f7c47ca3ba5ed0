import { partsOfFile, requireReadableFile } from '../admin/import-file';
import { importSession } from '../admin/transfers';
import { errorCode } from '../errors';
import { type Command, ExitCode, print, printJson } from './command';
import { withStoragePath } from './offline-store';

export const importCommand: Command = {
  positionals: ['<storage path>', '<file>'],
  summary:
    'brings in a file that export or the original implementation wrote. JSON lines are appended to the session, each ' +
    'message once however often the file is imported; a file of the original implementation becomes a session of its own',
  options: {
    'client-id': { type: 'string', value: 'client id', help: 'the session it goes into; default: the one it names' },
    replace: {
      type: 'boolean',
      help: 'deletes what is stored under that client id before, if the file is in order to its end',
    },
  },
  async run({ positionals: [storagePath = '', file = ''], flag, option }) {
    const offline = { isRequired: false, keepFailedDays: Number.POSITIVE_INFINITY };
    const options = { clientId: option('client-id'), replace: flag('replace') };
    await requireReadableFile(file);
    const imported = await withStoragePath(storagePath, offline, (context) =>
      importSession(context, partsOfFile(file), options),
    ).catch((error: Error) => {
      const isAboutTheFile = /^ERR_(IMPORT|MCPS)_/.test(errorCode(error) ?? '');
      throw isAboutTheFile ? new Error(`${file}: ${error.message}`, { cause: error }) : error;
    });
    if (flag('json')) printJson(imported);
    else {
      const { clientId, messages, duplicates, subscriptions, deadLetters, leftOut = [] } = imported;
      const again = duplicates === 0 ? '' : ` (${duplicates} were there already)`;
      print(
        `${JSON.stringify(clientId)}: ${messages} messages${again}, ${subscriptions} subscriptions and ${deadLetters} dead letters imported`,
      );
      for (const text of leftOut) print(text);
    }
    return ExitCode.Done;
  },
};
