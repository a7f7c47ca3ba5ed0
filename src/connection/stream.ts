import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { IClientOptions, MqttClient } from 'mqtt';
import buildTcpStream from 'mqtt/lib/connect/tcp';
import buildTlsStream from 'mqtt/lib/connect/tls';
import { streamBuilder as buildWebSocketStream } from 'mqtt/lib/connect/ws';
import type { BrokerAddress } from './broker-address';
import { httpTunnel } from './http-tunnel';
import type { ConnectionOptions } from './types';

export interface RawStream {
  stream: Duplex;
  /**
   * The event after which CONNECT may be written; absent: at once. With TLS not before the certificate was verified,
   * because what is written earlier (credentials) may leave before it was.
   */
  openEvent: 'connect' | 'secureConnect' | undefined;
}

/** Transport options that are not TLS options. */
const WEBSOCKET_OPTIONS = ['wsOptions', 'createWebsocket', 'transformWsUrl', 'httpProxy'] as const;
const SOCKS_OPTIONS = ['socksProxy', 'socksTimeout'] as const;

/** As large as an MQTT packet can be; the default of `ws` is below it. */
const WEBSOCKET_MESSAGE_BYTES_MAX = 5 + 268_435_455;

/**
 * Starts a raw stream (TCP, TLS, WebSocket, each also through a SOCKS proxy where `mqtt` supports it) with the builders of
 * the `mqtt` package.
 * @throws what TLS and WebSocket throw for options they cannot use (an unreadable certificate, key or passphrase).
 */
export function openStream(address: BrokerAddress, { transport = {}, protocolVersion }: ConnectionOptions): RawStream {
  const isWebSocket = address.protocol === 'ws' || address.protocol === 'wss';
  const options = isWebSocket
    ? webSocketOptions(address, transport, protocolVersion)
    : socketOptions(address, transport);
  const build = isWebSocket ? buildWebSocketStream : address.protocol === 'mqtts' ? buildTlsStream : buildTcpStream;
  // Declared as the whole client; but the builders only report to it what the stream reports as well, and an emitter
  // takes that.
  const client = new EventEmitter().on('error', () => undefined) as unknown as MqttClient;
  const stream = build(client, options) as Duplex;
  if (!(stream instanceof Socket)) return { stream, openEvent: undefined };
  // Packets are gathered into one write before; waiting for more would only delay acknowledgements.
  stream.setNoDelay(true);
  return { stream, openEvent: stream instanceof TLSSocket ? 'secureConnect' : 'connect' };
}

function socketOptions({ protocol, host, port }: BrokerAddress, transport: Record<string, unknown>): IClientOptions {
  const socksProxy = transport.socksProxy ?? process.env.MQTTJS_SOCKS_PROXY;
  // `transport` is what a user wrote, of any content; the builder and TLS refuse what they cannot use.
  return {
    ...without(transport, WEBSOCKET_OPTIONS),
    ...(socksProxy !== undefined && { socksProxy }),
    // The TLS builder verifies certificates unless this is false.
    ...(transport.rejectUnauthorized === false && { rejectUnauthorized: false }),
    protocol,
    host,
    hostname: host,
    port,
  } as IClientOptions;
}

function webSocketOptions(
  { protocol, host, port, path }: BrokerAddress,
  transport: Record<string, unknown>,
  protocolVersion: 3 | 4 | 5,
): IClientOptions {
  const { createWebsocket, transformWsUrl, httpProxy } = transport;
  const isSecure = protocol === 'wss';
  // As `socketOptions`; besides, `createConnection` is an option of `ws` that the types of `mqtt` do not have.
  return {
    ...(createWebsocket !== undefined && { createWebsocket }),
    ...(transformWsUrl !== undefined && { transformWsUrl }),
    protocol,
    hostname: host.includes(':') ? `[${host}]` : host,
    port,
    path,
    protocolVersion,
    protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    // `ws` takes its TLS options from here alone; the builder copies only some of them (no servername, no ALPN).
    wsOptions: {
      maxPayload: WEBSOCKET_MESSAGE_BYTES_MAX,
      ...(isSecure && without(transport, [...WEBSOCKET_OPTIONS, ...SOCKS_OPTIONS])),
      ...(isSecure && { rejectUnauthorized: transport.rejectUnauthorized !== false }),
      ...(typeof httpProxy === 'string' && { createConnection: httpTunnel(httpProxy, isSecure) }),
      ...(transport.wsOptions as object | undefined),
    },
  } as unknown as IClientOptions;
}

function without(options: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}
