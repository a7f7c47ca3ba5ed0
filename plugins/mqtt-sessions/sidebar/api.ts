import type { CleanUpPreview } from '../../../src/admin/clean-up';
import type { SessionInfo } from '../../../src/admin/session-info';
import type { DescribedError } from '../../../src/errors';
import type { FailedRequest } from './editor';
import type { FailedPage, MessagePreview, Page, Session } from './types';

/** An endpoint refused, with its stable code and its text; `status` 0: there was no answer. */
export class EndpointError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly facts: NonNullable<DescribedError['facts']> = {},
  ) {
    super(message);
  }
}

type Query = Record<string, string | number | boolean | undefined>;

const ROOT = 'mqtt-sessions';

export const api = {
  mayWrite: async () => (await request<{ write: boolean }>('GET', `${ROOT}/permissions`)).write,
  sessions: (query: Query) => request<Page>('GET', address(`${ROOT}/sessions`, query)),
  /** Counts what a list does not. */
  info: (session: Session) => request<SessionInfo>('GET', of(session)),
  /** What clean-up would delete now. */
  cleanUpPreview: (store: string) => request<CleanUpPreview>('GET', `${ROOT}/${encodeURIComponent(store)}/cleanup`),
  statistics: (session: Session) => request<Record<string, unknown>>('GET', `${of(session)}/stats`),
  messages: async (session: Session) =>
    (await request<{ messages: MessagePreview[] }>('GET', `${of(session)}/messages`)).messages,
  failed: (session: Session, limit: number) =>
    request<FailedPage>('GET', address(`${of(session)}/failed`, { limit, preview: true })),
  act: (session: Session, action: string, properties: object = {}) =>
    request<Record<string, unknown>>('POST', `${of(session)}/actions/${action}`, { json: properties }),
  remove: (session: Session, clearAtBroker: boolean) =>
    request<Record<string, unknown>>('DELETE', address(of(session), { clearAtBroker })),
  cleanUp: (store: string) =>
    request<Record<string, unknown>>('POST', `${ROOT}/${encodeURIComponent(store)}/actions/cleanup`, { json: {} }),
  /** Into a session, or into the one that the file names. */
  importFile: (store: string, session: Session | undefined, file: Blob, replace: boolean) =>
    request<Record<string, unknown>>(
      'POST',
      address(`${session === undefined ? `${ROOT}/${encodeURIComponent(store)}` : of(session)}/import`, { replace }),
      { file },
    ),
  exportFile: (session: Session, format: string, allowLoss: boolean) =>
    request<Blob>('GET', address(`${of(session)}/export`, { format, allowLoss }), { isDownload: true }),
};

function of({ store, key }: Session): string {
  return `${ROOT}/${encodeURIComponent(store)}/sessions/${encodeURIComponent(key)}`;
}

function address(path: string, query: Query): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' || value === false ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  );
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`;
}

function request<T>(
  method: string,
  url: string,
  { json, file, isDownload }: { json?: object; file?: Blob; isDownload?: boolean } = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const sent = new XMLHttpRequest();
    if (isDownload === true) sent.responseType = 'blob';
    $.ajax({
      url,
      method,
      xhr: () => sent,
      ...(json === undefined ? {} : { data: JSON.stringify(json), contentType: 'application/json' }),
      ...(file === undefined ? {} : { data: file, contentType: 'application/octet-stream', processData: false }),
      ...(isDownload === true ? { dataType: 'binary' } : { dataType: 'json' }),
    })
      .done((content) => resolve(content as T))
      .fail((failed) => void errorOf(failed, sent.response).then(reject));
  });
}

async function errorOf({ status, responseJSON }: FailedRequest, response: unknown): Promise<EndpointError> {
  const content = response instanceof Blob ? parsed(await response.text()) : responseJSON;
  // A proxy may have answered in its own way.
  const { code, message, facts } = (content ?? {}) as { [name in keyof DescribedError]?: unknown };
  return new EndpointError(
    status,
    typeof code === 'string' ? code : '',
    typeof message === 'string' ? message : '',
    typeof facts === 'object' && facts !== null ? (facts as NonNullable<DescribedError['facts']>) : {},
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not of an endpoint; a proxy for example.
    return undefined;
  }
}
