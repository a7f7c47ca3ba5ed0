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

/**
 * DISCONNECT; before MQTT 5 it carries nothing. A session that CONNECT let end with the connection cannot be kept by it
 * (3.14.2.2.2 of 5.0).
 */
export function disconnectPacket(
  { protocolVersion, properties }: Pick<ConnectionOptions, 'protocolVersion' | 'properties'>,
  reasonCode: number,
  sessionExpiryInterval: number | undefined,
): IDisconnectPacket {
  if (protocolVersion !== 5) return { cmd: 'disconnect' };
  const maySay = sessionExpiryInterval === 0 || ((properties?.sessionExpiryInterval as number | undefined) ?? 0) > 0;
  return {
    cmd: 'disconnect',
    reasonCode,
    ...(sessionExpiryInterval !== undefined && maySay && { properties: { sessionExpiryInterval } }),
  };
}
