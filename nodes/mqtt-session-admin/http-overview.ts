import type { Request, RequestHandler, Response } from 'express';
import { choiceInQuery, countInQuery, flagInQuery, textInQuery } from './http-request';
import { type OverviewQuery, SORT_FIELDS, STATE_FILTERS } from './overview-query';

const SESSIONS_PER_PAGE = 50;
const SESSIONS_PER_PAGE_MAX = 500;

/** What the list is asked for. @throws SessionError `ERR_PROPERTY`. */
export function overviewQuery(request: Request): OverviewQuery {
  const limit = countInQuery(request, 'limit') ?? SESSIONS_PER_PAGE;
  return {
    store: textInQuery(request, 'store'),
    key: textInQuery(request, 'key'),
    text: textInQuery(request, 'text'),
    state: choiceInQuery(request, 'state', STATE_FILTERS),
    sort: choiceInQuery(request, 'sort', SORT_FIELDS),
    reverse: flagInQuery(request, 'reverse'),
    offset: countInQuery(request, 'offset') ?? 0,
    limit: Math.min(Math.max(1, limit), SESSIONS_PER_PAGE_MAX),
  };
}

/**
 * Whether a request has the permission that `guard`, a middleware of Node-RED, demands. Node-RED has no other way to be
 * asked; the answer that the middleware would give goes nowhere.
 */
export function isPermitted(guard: RequestHandler, request: Request): Promise<boolean> {
  return new Promise((resolve) => {
    // A whole response cannot be made without a connection; to refuse, a guard needs these members only.
    const refusing = { statusCode: 401, setHeader: () => refusing, status: () => refusing, end: () => resolve(false) };
    void guard(request, refusing as unknown as Response, () => resolve(true));
  });
}
