import type { ConnectionLimits } from '../session/packets';
import type { ConnackPacket } from './decode';
import type { ConnackDetails, ConnectionOptions } from './types';

interface ConnackProperties extends ConnackDetails {
  receiveMaximum?: number;
  maximumQoS?: 0 | 1;
  retainAvailable?: boolean;
  maximumPacketSize?: number;
  topicAliasMaximum?: number;
  wildcardSubscriptionAvailable?: boolean;
  subscriptionIdentifiersAvailable?: boolean;
  sharedSubscriptionAvailable?: boolean;
}

/** What an accepting CONNACK fixes, with the defaults of 5.0, 3.2.2.3, or of 3.1.1, where the broker says nothing. */
export function limitsOf(
  connack: ConnackPacket,
  { protocolVersion, clean }: Pick<ConnectionOptions, 'protocolVersion' | 'clean'>,
): ConnectionLimits {
  const isVersion5 = protocolVersion === 5;
  const properties = (connack.properties ?? {}) as ConnackProperties;
  return {
    protocolVersion,
    sessionPresent: protocolVersion === 3 ? undefined : connack.sessionPresent,
    cleanStart: clean,
    receiveMaximum: isVersion5 ? (properties.receiveMaximum ?? 65_535) : undefined,
    maximumQoS: properties.maximumQoS ?? 2,
    retainAvailable: properties.retainAvailable ?? true,
    maximumPacketSize: properties.maximumPacketSize,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: properties.wildcardSubscriptionAvailable ?? true,
    subscriptionIdentifiersAvailable: isVersion5 && (properties.subscriptionIdentifiersAvailable ?? true),
    sharedSubscriptionAvailable: properties.sharedSubscriptionAvailable ?? true,
  };
}

/** The parts of a CONNACK that are no limits. */
export function detailsOf({ properties }: ConnackPacket): ConnackDetails {
  if (!properties) return {};
  const { sessionExpiryInterval, assignedClientIdentifier, serverKeepAlive, reasonString } =
    properties as ConnackProperties;
  return {
    ...(sessionExpiryInterval !== undefined && { sessionExpiryInterval }),
    ...(assignedClientIdentifier !== undefined && { assignedClientIdentifier }),
    ...(serverKeepAlive !== undefined && { serverKeepAlive }),
    ...(reasonString !== undefined && { reasonString }),
    properties,
  };
}
