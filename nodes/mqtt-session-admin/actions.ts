import { acknowledge } from '../../src/admin/acknowledge';
import { cleanUp } from '../../src/admin/clean-up';
import type { AdminContext } from '../../src/admin/context';
import { discardDeadLetters, listDeadLetters, replayDeadLetters } from '../../src/admin/dead-letters';
import { partsOfFile } from '../../src/admin/import-file';
import { flushMessages, purgeMessages } from '../../src/admin/messages';
import {
  connectSession,
  deleteSession,
  describeSession,
  disconnectSession,
  listSessions,
  loadSession,
  pauseSession,
  resetStatistics,
  resumeSession,
  saveSession,
  sessionExists,
  sessionStatistics,
} from '../../src/admin/sessions';
import { adoptSession, EXPORT_FORMATS, exportSession, importSession } from '../../src/admin/transfers';
import { SessionError } from '../../src/errors';
import {
  booleanProperty,
  choiceProperty,
  countProperty,
  fileProperty,
  idsProperty,
  type Properties,
  textProperty,
} from './properties';

export interface ActionRequest {
  context: AdminContext;
  clientId: string;
  /** Whether somebody named that client id; if not, it is that of the node's own session. */
  isNamed: boolean;
  /** The message, or the body of an HTTP request. */
  properties: Properties;
}

/** What goes into the answer besides code, action and client id. A `clientId` in it replaces that of the request. */
type Answer = Record<string, unknown>;

interface Action {
  perform(request: ActionRequest): Promise<Answer>;
  /** Concerns the store, not one session. */
  ofStore?: true;
}

/** Of an export that becomes part of a message. */
const EXPORT_BYTES_MAX = 256 * 1024 * 1024;
/** A day: longer than anybody waits, and no timer of Node's overflows. */
const TIMEOUT_MS_MAX = 86_400_000;

const ACTIONS = {
  save: {
    perform: async ({ context, clientId }) => {
      await saveSession(context, clientId);
      return {};
    },
  },
  load: {
    perform: (request) => {
      const file = fileProperty(request.properties);
      if (file !== undefined) return importFile(request, file);
      return loadSession(request.context, request.clientId);
    },
  },
  exists: { perform: async ({ context, clientId }) => ({ exists: await sessionExists(context, clientId) }) },
  info: { perform: async ({ context, clientId }) => ({ info: await describeSession(context, clientId) }) },
  list: { ofStore: true, perform: async ({ context }) => ({ sessions: await listSessions(context) }) },
  delete: {
    perform: async ({ context, clientId, properties }) => {
      await deleteSession(context, clientId, { clearAtBroker: booleanProperty(properties, 'clearAtBroker') });
      return {};
    },
  },
  cleanup: {
    ofStore: true,
    perform: async ({ context }) => {
      const { sessions, deadLetters, quarantined, failed } = await cleanUp(context);
      const failures = failed.map(({ path, error }) => ({ path, message: error.message }));
      return { count: sessions.length, sessions, deadLetters, quarantined, failed: failures };
    },
  },
  stats: { perform: async ({ context, clientId }) => ({ stats: sessionStatistics(context, clientId) }) },
  'reset-stats': {
    perform: async ({ context, clientId }) => {
      resetStatistics(context, clientId);
      return {};
    },
  },
  ack: { perform: async ({ properties }) => ({ clientId: acknowledge(properties.mqttAck) }) },
  failed: {
    perform: async ({ context, clientId, properties }) => {
      const { deadLetters, next } = await listDeadLetters(context, clientId, page(properties));
      return { failed: deadLetters, ...(next === undefined ? {} : { next }) };
    },
  },
  replay: {
    perform: async ({ context, clientId, properties }) => ({
      count: await replayDeadLetters(context, clientId, idsProperty(properties, 'ids')),
    }),
  },
  discard: {
    perform: async ({ context, clientId, properties }) => ({
      count: await discardDeadLetters(context, clientId, idsProperty(properties, 'ids')),
    }),
  },
  pause: {
    perform: async ({ context, clientId }) => {
      await pauseSession(context, clientId);
      return {};
    },
  },
  resume: {
    perform: async ({ context, clientId }) => {
      await resumeSession(context, clientId);
      return {};
    },
  },
  flush: {
    perform: async ({ context, clientId, properties }) => {
      const timeoutMs = countProperty(properties, 'timeout');
      const limited = timeoutMs === undefined ? undefined : Math.min(timeoutMs, TIMEOUT_MS_MAX);
      return { flushed: await flushMessages(context, clientId, limited) };
    },
  },
  purge: { perform: ({ context, clientId }) => purgeMessages(context, clientId) },
  export: { perform: exportFile },
  import: {
    perform: async (request) => {
      const file = fileProperty(request.properties);
      if (file !== undefined) return importFile(request, file);
      throw new SessionError('ERR_PROPERTY', '"file" is missing: the file as a Buffer, or its path.');
    },
  },
  adopt: {
    perform: async ({ context, clientId, properties }) => {
      const from = textProperty(properties, 'from');
      if (from !== undefined) return { ...(await adoptSession(context, clientId, from)) };
      throw new SessionError('ERR_PROPERTY', '"from" is missing: the client id of the session to adopt.');
    },
  },
  connect: {
    perform: async ({ context, clientId }) => {
      await connectSession(context, clientId);
      return {};
    },
  },
  disconnect: {
    perform: async ({ context, clientId }) => {
      await disconnectSession(context, clientId);
      return {};
    },
  },
} as const satisfies Record<string, Action>;

export type ActionName = keyof typeof ACTIONS;

export const ACTION_NAMES = Object.keys(ACTIONS) as ActionName[];

/** @throws SessionError `ERR_ACTION` for an unknown one; `unknown` makes its text, with the names of those known. */
export function adminAction(name: string, unknown: (known: string) => string): Action {
  const known = ACTION_NAMES.find((one) => one === name);
  if (known !== undefined) return ACTIONS[known];
  throw new SessionError('ERR_ACTION', unknown(ACTION_NAMES.join(', ')));
}

/** Into the session that was named, or else the one that the file names. */
async function importFile({ context, clientId, isNamed, properties }: ActionRequest, file: Buffer | string) {
  const input = typeof file === 'string' ? partsOfFile(file) : partsOf(file);
  const options = { replace: booleanProperty(properties, 'replace'), clientId: isNamed ? clientId : undefined };
  return { ...(await importSession(context, input, options)) };
}

async function* partsOf(file: Buffer): AsyncGenerator<Buffer> {
  yield file;
}

/** The whole file is in memory: the endpoint and the command line write larger ones. */
async function exportFile({ context, clientId, properties }: ActionRequest): Promise<Answer> {
  const format = choiceProperty(properties, 'format', EXPORT_FORMATS) ?? 'jsonl';
  const allowLoss = booleanProperty(properties, 'allowLoss');
  const parts: Buffer[] = [];
  let bytes = 0;
  const loss = await exportSession(context, clientId, { format, allowLoss }, async (part) => {
    parts.push(Buffer.from(part));
    bytes += part.length;
    if (bytes > EXPORT_BYTES_MAX) throw tooLarge(clientId);
  });
  return { format, file: Buffer.concat(parts), ...loss };
}

function tooLarge(clientId: string): SessionError {
  const text = `The session "${clientId}" is too large to be exported into a message. Use the command line: mqtt-sessions export.`;
  return new SessionError('ERR_REQUEST_SIZE', text, { details: { clientId } });
}

function page(properties: Properties): { after?: number; limit?: number } {
  const after = countProperty(properties, 'after');
  const limit = countProperty(properties, 'limit', 1);
  return { ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) };
}
