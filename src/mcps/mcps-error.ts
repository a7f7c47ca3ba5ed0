import { SessionError, type SessionErrorCode } from '../errors';

export type McpsErrorCode = Extract<SessionErrorCode, `ERR_MCPS_${string}`>;

/** A session file that cannot be read, or content that the format cannot hold. */
export class McpsError extends SessionError {
  override readonly name = 'McpsError';

  constructor(
    override readonly code: McpsErrorCode,
    message: string,
    details: Record<string, unknown> = {},
  ) {
    super(code, message, { details });
  }
}
