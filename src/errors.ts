/**
 * Stable codes of the errors this library raises itself; scripts may rely on them, never on the text.
 * Errors of the operating system keep their own codes (`ENOSPC`, `EIO`, ...).
 */
export type SessionErrorCode =
  // store
  | 'ERR_STORE_PATH'
  | 'ERR_STORE_FULL'
  | 'ERR_STORE_CLOSED'
  | 'ERR_SESSION_LOCKED'
  | 'ERR_SESSION_LOST'
  | 'ERR_SESSION_VERSION'
  | 'ERR_SESSION_CLOSED'
  | 'ERR_SESSION_NOT_EMPTY'
  | 'ERR_SESSION_SAME'
  | 'ERR_CLIENT_ID'
  | 'ERR_CLIENT_ID_FILE'
  // journal
  | 'ERR_JOURNAL_CLOSED'
  | 'ERR_RECORD_INVALID'
  // broker
  | 'ERR_BROKER_URL'
  | 'ERR_BROKER_CERTIFICATE'
  | 'ERR_BROKER_UNREACHABLE'
  | 'ERR_BROKER_TIMEOUT'
  | 'ERR_BROKER_REFUSED'
  | 'ERR_BROKER_DISCONNECT'
  | 'ERR_BROKER_SILENT'
  | 'ERR_BROKER_PROTOCOL'
  | 'ERR_BROKER_CLOSED'
  | 'ERR_PACKET_INVALID'
  // publishing and subscribing
  | 'ERR_TOPIC'
  | 'ERR_FILTER'
  | 'ERR_PAYLOAD'
  | 'ERR_QUEUE_FULL'
  | 'ERR_STORE_BUSY'
  | 'ERR_MESSAGE_REFUSED'
  | 'ERR_MESSAGE_EXPIRED'
  | 'ERR_MESSAGE_TOO_LARGE'
  | 'ERR_MESSAGE_RETAIN'
  | 'ERR_MESSAGE_DROPPED'
  | 'ERR_MESSAGE_DISCARDED'
  | 'ERR_MESSAGE_POISONED'
  | 'ERR_SUBSCRIPTION_REFUSED'
  | 'ERR_ACKNOWLEDGED'
  | 'ERR_ACKNOWLEDGEMENT'
  | 'ERR_ACKNOWLEDGEMENT_LATE'
  | 'ERR_TIMEOUT'
  // nodes and administration
  | 'ERR_ACTION'
  | 'ERR_CROSS_SITE'
  | 'ERR_REQUEST'
  | 'ERR_REQUEST_SIZE'
  | 'ERR_STORE_UNKNOWN'
  | 'ERR_CLIENT_ID_IN_USE'
  | 'ERR_CONFIGURATION'
  | 'ERR_CONNECTED_ALREADY'
  | 'ERR_DISCONNECTED'
  | 'ERR_PROPERTY'
  | 'ERR_SESSION_UNKNOWN'
  | 'ERR_SUBSCRIPTION'
  // export and import
  | 'ERR_EXPORT_LOSS'
  | 'ERR_IMPORT_FORMAT'
  | 'ERR_IMPORT_INCOMPLETE'
  // session files
  | 'ERR_MCPS_TRUNCATED'
  | 'ERR_MCPS_MAGIC'
  | 'ERR_MCPS_VERSION'
  | 'ERR_MCPS_COUNT'
  | 'ERR_MCPS_LENGTH'
  | 'ERR_MCPS_UTF8'
  | 'ERR_MCPS_TRAILING'
  | 'ERR_MCPS_IDENTIFIER'
  | 'ERR_MCPS_QOS'
  | 'ERR_MCPS_VALUE'
  | 'ERR_MCPS_CHECKSUM'
  | 'ERR_MCPS_SECTION';

/** An error with a stable `code`. The message says what failed, where, why, and what to do. */
export class SessionError extends Error {
  override readonly name: string = 'SessionError';
  /** Facts behind the message (path, client id, holder, ...), for programs. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    readonly code: SessionErrorCode,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
  }
}

/** A value in the text of an error: also one that has no text, such as an object without a prototype. */
export function shownValue(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `a value of type ${typeof value}`;
  }
}

/** The `code` of an error of this library or of the operating system; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** An error as it is told to other programs: in answers of endpoints, and in what the admin node sends. */
export interface DescribedError {
  /** `ERR_UNKNOWN` where it has none. */
  code: string;
  message: string;
  /** See `errorFacts`; only where there are any. */
  facts?: Record<string, string | number>;
}

/** See `DescribedError`. */
export function describeError(error: Error): DescribedError {
  const facts = errorFacts(error);
  const described = { code: errorCode(error) ?? 'ERR_UNKNOWN', message: error.message };
  return Object.keys(facts).length === 0 ? described : { ...described, facts };
}

const FACT_CHARACTERS_MAX = 100;
const MEBIBYTE = 1024 * 1024;

/**
 * The facts behind an error that a person needs to read of, so that its text can be put together in another language:
 * `broker`, `clientId`, `path`, `topic`, `pid` and `host` of who holds a session, `reasonCode` (of a packet), `code` (of
 * the operating system), `count` and `bytes` of messages, `freeMiB`. Nothing else of `details` gets out.
 */
export function errorFacts(error: unknown): Record<string, string | number> {
  if (!(error instanceof SessionError)) return {};
  const { details } = error;
  const holder = (details.holder ?? {}) as Record<string, unknown>;
  const known: Record<string, unknown> = {
    broker: details.broker,
    clientId: details.clientId,
    path: details.path ?? details.storagePath ?? details.storePath ?? details.directory,
    topic: details.topic ?? details.filter,
    pid: holder.pid,
    host: holder.host,
    reasonCode: details.reasonCode,
    code: details.code,
    count: details.count,
    bytes: details.bytes,
    freeMiB: typeof details.free === 'number' ? Math.floor(details.free / MEBIBYTE) : undefined,
  };
  const facts: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(known)) {
    if (typeof value === 'number') facts[name] = value;
    if (typeof value === 'string' && value !== '') facts[name] = shortened(value);
  }
  return facts;
}

/** Client ids and topics may have 65,535 bytes. */
function shortened(text: string): string {
  return text.length > FACT_CHARACTERS_MAX ? `${text.slice(0, FACT_CHARACTERS_MAX)}…` : text;
}
