import type { Request } from 'express';
import { SessionError } from '../../src/errors';
import { isRecord } from '../shared/config-values';

/**
 * Refuses what a page of another site makes a browser send.
 *
 * Node-RED's admin API allows every origin (CORS `*`, with all headers), so neither a content type nor a header of its own
 * would keep another site's page from calling these endpoints of an editor without adminAuth, and from reading the answers. What
 * a page cannot forge are the headers by which the browser itself says where a request comes from: Sec-Fetch-Site, and
 * where that is not sent (plain HTTP) Origin. Programs send neither. Who has shown a token that Node-RED knows was given
 * it: no page of another site has one.
 *
 * @throws SessionError `ERR_CROSS_SITE`.
 */
export function refuseCrossSite(request: Pick<Request, 'headers'> & { user?: unknown }): void {
  if (isLoggedIn(request.user)) return;
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) {
    if (site === 'same-origin' || site === 'none') return;
    throw crossSite(String(origin ?? site));
  }
  if (origin === undefined) return;
  // Not X-Forwarded-Host: the page of another site may set that.
  if (hostOf(origin) === host) return;
  throw crossSite(origin);
}

/** Set by Node-RED for a valid token; also, as anonymous, for those without when adminAuth has a default user. */
function isLoggedIn(user: unknown): boolean {
  return isRecord(user) && user.anonymous !== true;
}

/** As the Host header has it: without a default port. */
function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : '';
}

function crossSite(from: string): SessionError {
  return new SessionError(
    'ERR_CROSS_SITE',
    `This request was made by a page from elsewhere (${from.slice(0, 200)}). Make it from the Node-RED editor, from a ` +
      'program, or with an access token of Node-RED.',
  );
}
