import type { ConnectionOptions } from '../connection/types';
import { INBOUND_RECEIVE_MAXIMUM, NEVER_EXPIRES } from './options';

/** Where the protocol state belongs: the URL without credentials and query. Also of what is no URL; shown to users. */
export function brokerAddress(url: string): string {
  const [scheme = ''] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url) ?? [];
  const rest = url.slice(scheme.length);
  // Credentials end at the last @ before the path. Where that cannot be told, any text before an @ may be a password.
  const isUrl = scheme !== '' && URL.canParse(url);
  const [authority = ''] = isUrl ? (/^[^/?#]*/.exec(rest) ?? []) : [rest];
  return scheme + rest.slice(authority.lastIndexOf('@') + 1).replace(/[?#].*$/, '');
}

/**
 * What CONNECT says. With MQTT 5 also what we take, and how long the broker is to keep the session; what is configured
 * goes before. `expiryInterval`: of the stored session, in seconds, 0: never.
 */
export function connectionOptions(
  connection: Omit<ConnectionOptions, 'clientId'>,
  clientId: string,
  expiryInterval: number,
): ConnectionOptions {
  if (connection.protocolVersion !== 5) return { ...connection, clientId };
  const properties: Record<string, unknown> = { receiveMaximum: INBOUND_RECEIVE_MAXIMUM };
  // Without it an MQTT 5 broker ends the session with the connection (3.1.2.11.2 of 5.0).
  if (!connection.clean) properties.sessionExpiryInterval = expiryInterval > 0 ? expiryInterval : NEVER_EXPIRES;
  Object.assign(properties, connection.properties);
  return { ...connection, properties, clientId };
}
