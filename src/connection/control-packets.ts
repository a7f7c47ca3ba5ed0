import type { IConnectPacket, IDisconnectPacket } from 'mqtt-packet';
import type { BrokerAddress } from './broker-address';
import type { ConnectionOptions } from './types';

/** CONNECT of an attempt; user name and password of the URL count when the options give none. */
export function connectPacket(options: ConnectionOptions, address: BrokerAddress): IConnectPacket {
  const { clientId, protocolVersion, clean, keepalive, will, properties } = options;
  const hasOwnCredentials = options.username !== undefined;
  const password = hasOwnCredentials ? options.password : (options.password ?? address.password);
  const username = options.username ?? address.username ?? (password === undefined ? undefined : '');
  return {
    cmd: 'connect',
    protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion,
    clean,
    keepalive,
    clientId,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: Buffer.from(password) }),
    ...(will && { will: will as NonNullable<IConnectPacket['will']> }),
    ...(protocolVersion === 5 && properties && { properties: properties as NonNullable<IConnectPacket['properties']> }),
  };
}

/** DISCONNECT; before MQTT 5 it carries nothing. */
export function disconnectPacket(
  protocolVersion: 3 | 4 | 5,
  reasonCode: number,
  sessionExpiryInterval: number | undefined,
): IDisconnectPacket {
  if (protocolVersion !== 5) return { cmd: 'disconnect' };
  return {
    cmd: 'disconnect',
    reasonCode,
    ...(sessionExpiryInterval !== undefined && { properties: { sessionExpiryInterval } }),
  };
}
