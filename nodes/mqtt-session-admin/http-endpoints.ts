import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { NodeAPI } from 'node-red';
import { previewCleanUp } from '../../src/admin/clean-up';
import type { AdminContext } from '../../src/admin/context';
import { listDeadLetters } from '../../src/admin/dead-letters';
import { firstQueuedMessages } from '../../src/admin/queued-messages';
import { overviewOf } from '../../src/admin/session-info';
import {
  clientIdOfKey,
  deleteSession,
  describeSession,
  listSessions,
  sessionStatistics,
} from '../../src/admin/sessions';
import { SessionError } from '../../src/errors';
import { brokerOf } from '../mqtt-persistent-broker/node';
import { assignedClientId } from '../mqtt-persistent-broker/session-assignments';
import { type ActionName, type ActionRequest, adminAction } from './actions';
import { refuseCrossSite } from './cross-site';
import { answer, answerError, deadLetterPreviews, messagePreviews, plainDeadLetters } from './http-answers';
import { isPermitted, overviewQuery } from './http-overview';
import { pathTest } from './http-path-test';
import { bodyOf, countInQuery, flagInQuery } from './http-request';
import { download, upload } from './http-transfers';
import { knownStore, knownStores, withStore } from './known-stores';
import { SessionDirectory } from './session-directory';

/** Below Node-RED's httpAdminRoot. */
const ROOT = '/mqtt-sessions';
const STORE = `${ROOT}/:store`;
const SESSION = `${STORE}/sessions/:session`;

/** Actions that make sense by HTTP. What is not here has an endpoint of its own, or needs a flow. */
const SESSION_ACTIONS: readonly ActionName[] = [
  'save',
  'load',
  'connect',
  'disconnect',
  'pause',
  'resume',
  'flush',
  'purge',
  'replay',
  'discard',
  'adopt',
  'reset-stats',
];
const STORE_ACTIONS: readonly ActionName[] = ['cleanup'];
/** Those that read files of the machine when a message names them: not for whoever may call an endpoint. */
const FILE_PROPERTIES = ['file', 'payload'];

/** How long a request waits for `flush` at most: proxies give up soon after. */
const FLUSH_TIMEOUT_MS_MAX = 30_000;
const DEAD_LETTERS_PER_PAGE = 100;
const MESSAGES_SHOWN = 10;

/** A request about one session. */
interface SessionCall {
  request: Request;
  response: Response;
  context: AdminContext;
  clientId: string;
}

/**
 * The endpoints of administration; docs/administration.md describes them. Whatever shows payloads, or changes anything,
 * needs the permission `mqtt-sessions.write`; the rest `mqtt-sessions.read`.
 */
export function registerAdminEndpoints(RED: NodeAPI): void {
  const mayRead = RED.auth.needsPermission('mqtt-sessions.read');
  const mayWrite = RED.auth.needsPermission('mqtt-sessions.write');
  const app = RED.httpAdmin;
  const directory = new SessionDirectory(RED);
  /** Whatever may have changed sessions. */
  const changing: RequestHandler = (_request, response, next) => {
    response.once('finish', () => directory.changed());
    next();
  };

  /** An answer of undefined: `work` has answered. */
  const ofStore = (work: (request: Request, context: AdminContext, response: Response) => Promise<unknown>) =>
    endpoint(async (request, response) => {
      const store = knownStore(RED, parameter(request, 'store'));
      const content = await withStore(store, (context) => work(request, context, response));
      if (content !== undefined) answer(response, content);
    });
  const ofSession = (work: (call: SessionCall) => Promise<unknown>) =>
    ofStore(async (request, context, response) => {
      const clientId = await clientIdOfKey(context, parameter(request, 'session'));
      return work({ request, response, context, clientId });
    });

  app.get(
    `${ROOT}/permissions`,
    mayRead,
    endpoint(async (request, response) =>
      answer(response, { read: true, write: await isPermitted(mayWrite, request) }),
    ),
  );
  app.get(
    `${ROOT}/sessions`,
    mayRead,
    endpoint(async (request, response) => answer(response, await directory.page(overviewQuery(request)))),
  );
  app.get(
    `${ROOT}/stores`,
    mayRead,
    endpoint(async (_request, response) => {
      const stores = knownStores(RED).map(({ id, name, settings }) => {
        const { path, durability, maxBytes, whenFull, expiry, keepFailed } = settings;
        return { id, name, path, durability, maxBytes, whenFull, expiry, keepFailed };
      });
      answer(response, { stores });
    }),
  );
  app.get(
    `${ROOT}/brokers/:broker`,
    mayRead,
    endpoint(async (request, response) => {
      const id = parameter(request, 'broker');
      const broker = brokerOf(RED, id);
      // Nothing is known of a node that is not deployed: no error, because dialogs of new nodes ask, too.
      if (broker === undefined) return answer(response, {});
      const isGenerated = broker.settings.clientId === undefined;
      answer(response, { clientId: await assignedClientId(id), isGenerated });
    }),
  );
  app.post(
    `${ROOT}/path-test`,
    mayWrite,
    // Who may deploy can make a store node with any path: the test tells such a user nothing that a deploy would not.
    RED.auth.needsPermission('flows.write'),
    endpoint(async (request, response) => answer(response, await pathTest(RED, request))),
  );
  app.get(
    `${STORE}/sessions`,
    mayRead,
    ofStore(async (_request, context) => ({ sessions: (await listSessions(context)).map(overviewOf) })),
  );
  app.post(
    `${STORE}/actions/:action`,
    mayWrite,
    changing,
    ofStore((request, context) => {
      const known = { context, clientId: '', isNamed: false, properties: propertiesOf(request) };
      return perform(parameter(request, 'action'), STORE_ACTIONS, known);
    }),
  );
  app.get(
    `${STORE}/cleanup`,
    mayWrite,
    ofStore((_request, context) => previewCleanUp(context)),
  );
  app.post(
    `${STORE}/import`,
    mayWrite,
    changing,
    ofStore((request, context) => upload(request, context, undefined)),
  );

  app.get(
    SESSION,
    mayRead,
    ofSession(async ({ context, clientId }) => {
      const info = await describeSession(context, clientId);
      directory.described(context.store.path, info);
      return info;
    }),
  );
  app.get(
    `${SESSION}/stats`,
    mayRead,
    ofSession(async ({ context, clientId }) => sessionStatistics(context, clientId)),
  );
  app.get(
    `${SESSION}/messages`,
    mayWrite,
    ofSession(async ({ request, context, clientId }) => {
      const limit = Math.max(1, countInQuery(request, 'limit') ?? MESSAGES_SHOWN);
      return { messages: messagePreviews(await firstQueuedMessages(context, clientId, limit)) };
    }),
  );
  app.get(
    `${SESSION}/failed`,
    mayWrite,
    ofSession(async ({ request, context, clientId }) => {
      const after = countInQuery(request, 'after') ?? 0;
      const limit = Math.max(1, countInQuery(request, 'limit') ?? DEAD_LETTERS_PER_PAGE);
      const shown = flagInQuery(request, 'preview') ? deadLetterPreviews : plainDeadLetters;
      return shown(await listDeadLetters(context, clientId, { after, limit }));
    }),
  );
  app.get(
    `${SESSION}/export`,
    mayWrite,
    ofSession(({ request, response, context, clientId }) => download(request, response, context, clientId)),
  );
  app.post(
    `${SESSION}/import`,
    mayWrite,
    changing,
    ofSession(({ request, context, clientId }) => upload(request, context, clientId)),
  );
  app.post(
    `${SESSION}/actions/:action`,
    mayWrite,
    changing,
    ofSession(({ request, context, clientId }) => {
      const properties = withShortTimeout(propertiesOf(request));
      return perform(parameter(request, 'action'), SESSION_ACTIONS, { context, clientId, isNamed: true, properties });
    }),
  );
  app.delete(
    SESSION,
    mayWrite,
    changing,
    ofSession(async ({ request, context, clientId }) => {
      await deleteSession(context, clientId, { clearAtBroker: flagInQuery(request, 'clearAtBroker') });
      return { code: 0, action: 'delete', clientId };
    }),
  );

  app.use(ROOT, (_request: Request, response: Response) => {
    answerError(response, new SessionError('ERR_REQUEST', 'There is no such endpoint.'), 404);
  });
  app.use(ROOT, (error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    answerError(response, error);
  });
}

/** Refuses other sites, and turns whatever fails into an answer. */
function endpoint(work: (request: Request, response: Response) => Promise<void>): RequestHandler {
  return (request, response) => {
    Promise.resolve()
      .then(() => {
        refuseCrossSite(request);
        return work(request, response);
      })
      .catch((error: unknown) => answerError(response, error));
  };
}

async function perform(
  action: string,
  allowed: readonly ActionName[],
  request: ActionRequest,
): Promise<Record<string, unknown>> {
  const known = allowed.find((one) => one === action) ?? '';
  const { perform } = adminAction(known, () => `There is no such action here. There are: ${allowed.join(', ')}.`);
  return { code: 0, action, clientId: request.clientId, ...(await perform(request)) };
}

function propertiesOf(request: Request): Readonly<Record<string, unknown>> {
  const entries = Object.entries(bodyOf(request)).filter(([name]) => !FILE_PROPERTIES.includes(name));
  return Object.fromEntries(entries);
}

function withShortTimeout(properties: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { timeout = FLUSH_TIMEOUT_MS_MAX } = properties;
  return { ...properties, timeout: typeof timeout === 'number' ? Math.min(timeout, FLUSH_TIMEOUT_MS_MAX) : timeout };
}

function parameter(request: Request, name: string): string {
  return String(request.params[name] ?? '');
}
