import * as http from 'node:http';
import * as https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';

const ANSWER_TIMEOUT_MS = 30_000;

/** What `ws` gives to the function that makes its connection: the target, and the TLS options for wss. */
type TunnelOptions = tls.ConnectionOptions & { host?: string; port?: number | string };
type Created = (error: Error | null, socket?: Duplex) => void;

/**
 * For the option `createConnection` of `ws`: connections through the HTTP proxy at `proxy` by CONNECT (RFC 9110, 9.3.6).
 * User name and password of the proxy's URL are sent to it (Basic).
 * @throws TypeError for a URL that cannot be read, or is neither http: nor https:.
 */
export function httpTunnel(proxy: string, isSecure: boolean): (options: TunnelOptions, created: Created) => undefined {
  const proxyUrl = new URL(proxy);
  if (proxyUrl.protocol !== 'http:' && proxyUrl.protocol !== 'https:') {
    throw new TypeError(`The proxy must be an http:// or https:// address, not ${proxyUrl.protocol}//`);
  }
  return (options, created) => {
    openTunnel(proxyUrl, options).then(
      (socket) => created(null, isSecure ? secured(socket, options) : socket),
      (error: Error) => created(error),
    );
    return undefined;
  };
}

function openTunnel(proxy: URL, { host, port }: TunnelOptions): Promise<Socket> {
  const name = host?.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const target = `${name}:${port}`;
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? https : http).request({
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: target,
      // A connection of its own: it becomes the tunnel.
      agent: false,
      headers: {
        Host: target,
        ...(login !== ':' && { 'Proxy-Authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
      },
      timeout: ANSWER_TIMEOUT_MS,
    });
    const refuse = (reason: string, cause?: Error) => {
      request.destroy();
      reject(new Error(`The HTTP proxy ${proxy.host} opened no connection to ${target}: ${reason}`, { cause }));
    };
    request.on('connect', (response, socket, head) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        refuse(`it answered ${response.statusCode} ${response.statusMessage ?? ''}`.trim());
        return;
      }
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket as Socket);
    });
    request.on('response', (response) => refuse(`it answered ${response.statusCode} ${response.statusMessage ?? ''}`));
    request.on('timeout', () => refuse('it did not answer'));
    request.on('error', (error) => refuse(error.message, error));
    request.end();
  });
}

/** As `ws` does it without a proxy: the server's name is that of the target, if it has one. */
function secured(socket: Socket, { path: _path, ...options }: TunnelOptions): Duplex {
  const { host = '' } = options;
  return tls.connect({ servername: isIP(host) === 0 ? host : '', ...options, socket });
}
