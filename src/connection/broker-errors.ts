import { errorCode, SessionError } from '../errors';
import { reasonCodeAdvice, reasonCodeName } from './reason-codes';

const UNKNOWN_CA =
  'the certificate of the broker is not signed by a known authority: give its CA certificate in the TLS settings';

/** What the codes of Node.js and OpenSSL mean for a user. */
const CERTIFICATE_REASONS: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_CA,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  CERT_SIGNATURE_FAILURE: UNKNOWN_CA,
  INVALID_CA: 'the CA certificate may not sign others: check the CA certificate in the TLS settings',
  CERT_HAS_EXPIRED: 'a certificate of the broker has expired: renew it, or check the clock of this machine',
  CERT_NOT_YET_VALID: 'the certificate of the broker is not valid yet: check the clock of this machine',
  CERT_REVOKED: 'the certificate of the broker has been revoked',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate of the broker is for another host name: use the name in it, or set the server name in the TLS settings',
};

const NETWORK_REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there: check host and port, and that the broker is running',
  ENOTFOUND: 'the host name is unknown: check its spelling, and the name server of this machine',
  EAI_AGAIN: 'the host name could not be looked up: check the network and the name server of this machine',
  ETIMEDOUT: 'no answer: check host and port, network and firewall',
  EHOSTUNREACH: 'there is no route to the host: check address and network',
  ENETUNREACH: 'there is no route to the network: check address and network',
  ECONNRESET: 'the broker cut the connection: check that the port speaks this protocol (with or without TLS)',
  EPIPE: 'the broker cut the connection: check that the port speaks this protocol (with or without TLS)',
  EPROTO: 'TLS failed: check that the port speaks TLS, and the client certificate if the broker asks for one',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the port does not speak TLS: use the TLS port, or mqtt:// (ws://) without TLS',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the broker asks for a client certificate: give one in the TLS settings',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'the broker refused TLS: check the client certificate in the TLS settings',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the broker does not accept the client certificate: check the TLS settings',
};

/** The stream failed before CONNACK. */
export function unreachableError(broker: string, cause: Error): SessionError {
  const root = firstCause(cause);
  const code = errorCode(root);
  const certificateReason = code === undefined ? undefined : CERTIFICATE_REASONS[code];
  const reason = certificateReason ?? (code && NETWORK_REASONS[code]) ?? webSocketReason(root) ?? tlsOptionReason(code);
  const text = [root.message || code || String(root), reason].filter(Boolean).join('; ');
  return new SessionError(
    certificateReason ? 'ERR_BROKER_CERTIFICATE' : 'ERR_BROKER_UNREACHABLE',
    `Broker ${broker} cannot be reached: ${text}`,
    { cause, details: { broker, ...(code !== undefined && { code }) } },
  );
}

/** The peer closed before CONNACK without saying why. */
export function closedBeforeConnackError(broker: string): SessionError {
  return new SessionError(
    'ERR_BROKER_UNREACHABLE',
    `Broker ${broker} closed the connection without answering CONNECT: check that the port speaks this protocol ` +
      '(MQTT or WebSocket, with or without TLS), the MQTT version, and the log of the broker',
    { details: { broker } },
  );
}

/** No CONNACK in time. */
export function timeoutError(broker: string, timeoutMs: number, isOpen: boolean): SessionError {
  const reason = isOpen
    ? 'it accepted the connection but did not answer CONNECT: check that the port speaks MQTT (with or without TLS)'
    : 'no answer: check host and port, network and firewall';
  return new SessionError(
    'ERR_BROKER_TIMEOUT',
    `Broker ${broker} did not answer within ${timeoutMs / 1_000} s: ${reason}`,
    {
      details: { broker, timeoutMs },
    },
  );
}

/** CONNACK with a code other than 0. */
export function refusedError(
  broker: string,
  clientId: string,
  reasonCode: number,
  protocolVersion: 3 | 4 | 5,
  reasonString?: string,
): SessionError {
  const text = sentence(
    reasonCodeName('connack', reasonCode, protocolVersion),
    reasonString,
    reasonCodeAdvice(reasonCode, protocolVersion),
  );
  return new SessionError('ERR_BROKER_REFUSED', `Broker ${broker} refused client "${clientId}": ${text}`, {
    details: { broker, clientId, reasonCode },
  });
}

/** MQTT 5 DISCONNECT from the broker. */
export function serverDisconnectError(
  broker: string,
  clientId: string,
  reasonCode: number,
  reasonString?: string,
): SessionError {
  const text = sentence(reasonCodeName('disconnect', reasonCode), reasonString, reasonCodeAdvice(reasonCode, 5));
  return new SessionError('ERR_BROKER_DISCONNECT', `Broker ${broker} disconnected client "${clientId}": ${text}`, {
    details: { broker, clientId, reasonCode },
  });
}

/** Keep-alive found the link dead. */
export function halfOpenError(broker: string, keepaliveSeconds: number): SessionError {
  return new SessionError(
    'ERR_BROKER_SILENT',
    `Broker ${broker} went silent: nothing was heard for 1.5 times the keep alive of ${keepaliveSeconds} s; ` +
      'the network is down, or something on the way dropped the connection',
    { details: { broker, keepaliveSeconds } },
  );
}

/** The broker sends and does not read. */
export function notReadingError(broker: string, bytes: number): SessionError {
  return new SessionError(
    'ERR_BROKER_SILENT',
    `Broker ${broker} does not read what it is sent: ${bytes} bytes of acknowledgements wait for it; ` +
      'the network takes nothing, or the broker hangs',
    { details: { broker, bytes } },
  );
}

/** The broker broke the protocol; `message` completes the sentence. */
export function protocolError(broker: string, cause: Error): SessionError {
  return new SessionError('ERR_BROKER_PROTOCOL', `Broker ${broker} broke the MQTT protocol: ${cause.message}`, {
    cause,
    details: { broker },
  });
}

/** The connection ended after CONNACK. */
export function closedError(broker: string, cause: Error | undefined): SessionError {
  const text = cause ? `was lost: ${cause.message || errorCode(cause)}` : 'was closed by the broker or the network';
  return new SessionError('ERR_BROKER_CLOSED', `The connection to broker ${broker} ${text}`, {
    cause,
    details: { broker },
  });
}

/** Several addresses were tried and all failed: the first failure stands for them. */
function firstCause(error: Error): Error {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return first instanceof Error ? first : error;
}

function webSocketReason({ message }: Error): string | undefined {
  if (!message.startsWith('Unexpected server response')) return undefined;
  return 'the server does not accept a WebSocket there: check path and port, and user rights if it says 401 or 403';
}

function tlsOptionReason(code: string | undefined): string | undefined {
  if (!code?.startsWith('ERR_OSSL') && !code?.startsWith('ERR_CRYPTO')) return undefined;
  return 'certificate, key or passphrase cannot be read: check the TLS settings';
}

function sentence(name: string, reasonString: string | undefined, advice: string | undefined): string {
  return [name + (reasonString ? ` ("${reasonString}")` : ''), advice].filter(Boolean).join('; ');
}
