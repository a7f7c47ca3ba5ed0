import { SessionError } from '../errors';

export interface BrokerAddress {
  protocol: 'mqtt' | 'mqtts' | 'ws' | 'wss';
  /** Host name or IP address; IPv6 without brackets. */
  host: string;
  port: number;
  /** WebSocket only: path and query. */
  path: string;
  /** From the URL. */
  username?: string;
  password?: string;
  /** `host:port` for messages; never with credentials. */
  name: string;
}

const PROTOCOLS: Record<string, BrokerAddress['protocol']> = {
  mqtt: 'mqtt',
  tcp: 'mqtt',
  mqtts: 'mqtts',
  ssl: 'mqtts',
  tls: 'mqtts',
  ws: 'ws',
  wss: 'wss',
};

const DEFAULT_PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const;

/**
 * Reads a broker URL.
 * @throws SessionError `ERR_BROKER_URL` for a URL that cannot be read, has no host, or an unknown protocol.
 */
export function parseBrokerUrl(url: string): BrokerAddress {
  // Whatever stands before an @ may be a password, also in what is no URL.
  const [scheme = ''] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url) ?? [];
  const shown = url.includes('@') ? scheme + url.slice(url.lastIndexOf('@') + 1) : url;
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw wrongUrl(shown, 'it cannot be read');
  }
  const protocol = PROTOCOLS[parsed.protocol.slice(0, -1)];
  if (scheme === '' && shown !== url) throw wrongUrl(shown, 'it cannot be read');
  if (!protocol) throw wrongUrl(shown, `the protocol "${parsed.protocol.slice(0, -1)}" is unknown`);
  if (parsed.hostname === '') throw wrongUrl(shown, 'it names no host');
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = parsed.port === '' ? DEFAULT_PORTS[protocol] : Number(parsed.port);
  const username = decoded(parsed.username);
  const password = decoded(parsed.password);
  return {
    protocol,
    host,
    port,
    path: (parsed.pathname || '/') + parsed.search,
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    name: `${parsed.hostname}:${port}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function wrongUrl(shown: string, reason: string): SessionError {
  return new SessionError(
    'ERR_BROKER_URL',
    `The broker address "${shown}" cannot be used: ${reason}. Write it as mqtt://host:1883, mqtts://host:8883, ` +
      'ws://host:80/path or wss://host:443/path.',
    { details: { url: shown } },
  );
}
