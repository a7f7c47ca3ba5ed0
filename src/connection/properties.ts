import type { PacketReader } from './packet-reader';
import { ProtocolViolation } from './protocol-violation';

export type PropertyOwner = 'connack' | 'publish' | 'acknowledgement' | 'disconnect' | 'auth';
type PropertyType = 'flag' | 'byte' | 'uint16' | 'uint32' | 'variable' | 'string' | 'binary';

interface Property {
  name: string;
  type: PropertyType;
  owners: readonly PropertyOwner[];
  /** Zero is forbidden. */
  positive?: true;
}

const USER_PROPERTY = 0x26;
const SUBSCRIPTION_IDENTIFIER = 0x0b;

/** The properties that a server may send (5.0, table 2.4), under the names of `mqtt-packet`. */
const PROPERTIES: Record<number, Property> = {
  1: { name: 'payloadFormatIndicator', type: 'flag', owners: ['publish'] },
  2: { name: 'messageExpiryInterval', type: 'uint32', owners: ['publish'] },
  3: { name: 'contentType', type: 'string', owners: ['publish'] },
  8: { name: 'responseTopic', type: 'string', owners: ['publish'] },
  9: { name: 'correlationData', type: 'binary', owners: ['publish'] },
  [SUBSCRIPTION_IDENTIFIER]: {
    name: 'subscriptionIdentifier',
    type: 'variable',
    owners: ['publish'],
    positive: true,
  },
  17: { name: 'sessionExpiryInterval', type: 'uint32', owners: ['connack'] },
  18: { name: 'assignedClientIdentifier', type: 'string', owners: ['connack'] },
  19: { name: 'serverKeepAlive', type: 'uint16', owners: ['connack'] },
  21: { name: 'authenticationMethod', type: 'string', owners: ['connack', 'auth'] },
  22: { name: 'authenticationData', type: 'binary', owners: ['connack', 'auth'] },
  26: { name: 'responseInformation', type: 'string', owners: ['connack'] },
  28: { name: 'serverReference', type: 'string', owners: ['connack', 'disconnect'] },
  31: { name: 'reasonString', type: 'string', owners: ['connack', 'acknowledgement', 'disconnect', 'auth'] },
  33: { name: 'receiveMaximum', type: 'uint16', owners: ['connack'], positive: true },
  34: { name: 'topicAliasMaximum', type: 'uint16', owners: ['connack'] },
  35: { name: 'topicAlias', type: 'uint16', owners: ['publish'] },
  36: { name: 'maximumQoS', type: 'byte', owners: ['connack'] },
  37: { name: 'retainAvailable', type: 'flag', owners: ['connack'] },
  39: { name: 'maximumPacketSize', type: 'uint32', owners: ['connack'], positive: true },
  40: { name: 'wildcardSubscriptionAvailable', type: 'flag', owners: ['connack'] },
  41: { name: 'subscriptionIdentifiersAvailable', type: 'flag', owners: ['connack'] },
  42: { name: 'sharedSubscriptionAvailable', type: 'flag', owners: ['connack'] },
};

/**
 * Reads the property list of a packet (5.0, 2.2.2) in the shape of `mqtt-packet`; `undefined` when it is empty.
 * @throws ProtocolViolation for one that is malformed, unknown, repeated, or not allowed in this packet.
 */
export function readProperties(packet: PacketReader, owner: PropertyOwner): Record<string, unknown> | undefined {
  const length = packet.variableByteInteger();
  if (length === 0) return undefined;
  const reader = packet.part(length);
  const properties: Record<string, unknown> = {};
  while (reader.remaining > 0) {
    const identifier = reader.variableByteInteger();
    if (identifier === USER_PROPERTY) {
      addUserProperty(properties, reader.string(), reader.string());
      continue;
    }
    const property = PROPERTIES[identifier];
    if (!property) throw new ProtocolViolation(0x81, `it sent an unknown property (${identifier})`);
    if (!property.owners.includes(owner)) {
      throw new ProtocolViolation(0x82, `it sent the property ${property.name} in a packet that must not have it`);
    }
    const value = readValue(reader, property);
    const earlier = properties[property.name];
    if (earlier === undefined) properties[property.name] = value;
    else if (identifier === SUBSCRIPTION_IDENTIFIER) properties[property.name] = joined(earlier, value);
    else throw new ProtocolViolation(0x82, `it sent the property ${property.name} twice in one packet`);
  }
  return properties;
}

function addUserProperty(properties: Record<string, unknown>, name: string, value: string): void {
  // Without a prototype, so that a name such as "__proto__" is a name like any other.
  properties.userProperties ??= Object.create(null);
  const userProperties = properties.userProperties as Record<string, string | string[]>;
  const earlier = userProperties[name];
  userProperties[name] = earlier === undefined ? value : joined(earlier, value);
}

/** In place: a packet may repeat a property many thousand times. */
function joined<V>(earlier: V | V[], value: V): V[] {
  if (!Array.isArray(earlier)) return [earlier, value];
  earlier.push(value);
  return earlier;
}

function readValue(reader: PacketReader, { name, type, positive }: Property): unknown {
  switch (type) {
    case 'string':
      return reader.string();
    case 'binary':
      return reader.binary();
    case 'flag': {
      const value = reader.byte();
      if (value > 1) throw new ProtocolViolation(0x82, `it sent the property ${name} with the value ${value}`);
      return value === 1;
    }
    default: {
      const value = readNumber(reader, type);
      if (positive && value === 0) throw new ProtocolViolation(0x82, `it sent the property ${name} with the value 0`);
      return value;
    }
  }
}

function readNumber(reader: PacketReader, type: 'byte' | 'uint16' | 'uint32' | 'variable'): number {
  switch (type) {
    case 'byte':
      return reader.byte();
    case 'uint16':
      return reader.uint16();
    case 'uint32':
      return reader.uint32();
    case 'variable':
      return reader.variableByteInteger();
  }
}
