import type {
  AcknowledgementPacket,
  AcknowledgementProperties,
  InboundPacket,
  PublishPacket,
  PublishPacketProperties,
  SubackPacket,
  UnsubackPacket,
} from '../session/packets';
import { PacketReader } from './packet-reader';
import { type PropertyOwner, readProperties } from './properties';
import { ProtocolViolation } from './protocol-violation';

export interface ConnackPacket {
  cmd: 'connack';
  sessionPresent: boolean;
  /** Return code in 3.1 and 3.1.1. */
  reasonCode: number;
  properties?: Record<string, unknown>;
}

export interface DisconnectPacket {
  cmd: 'disconnect';
  reasonCode: number;
  properties?: Record<string, unknown>;
}

export interface AuthPacket {
  cmd: 'auth';
}

export interface PingrespPacket {
  cmd: 'pingresp';
}

/** Every packet that a server may send. */
export type ServerPacket = InboundPacket | ConnackPacket | DisconnectPacket | AuthPacket | PingrespPacket;

const ACKNOWLEDGEMENTS = { 4: 'puback', 5: 'pubrec', 6: 'pubrel', 7: 'pubcomp' } as const;
const CLIENT_PACKETS: Record<number, string> = { 1: 'CONNECT', 8: 'SUBSCRIBE', 10: 'UNSUBSCRIBE', 12: 'PINGREQ' };

/**
 * Decodes one whole packet of a server, in the shapes of `mqtt-packet`.
 * `body` is the offset behind the fixed header. Our own, because that of `mqtt-packet` reads past the packet's end into
 * the next one, throws range errors, lets repeated properties through, and takes several times as long for a PUBLISH.
 * @throws ProtocolViolation for a malformed packet and for one that a server must not send.
 */
export function decodePacket(
  buffer: Buffer,
  start: number,
  body: number,
  end: number,
  protocolVersion: 3 | 4 | 5,
): ServerPacket {
  const first = buffer[start] as number;
  const type = first >> 4;
  const reader = new PacketReader(buffer, body, end);
  if (type === 3) return decodePublish(reader, first, protocolVersion);
  const clientPacket = CLIENT_PACKETS[type];
  if (clientPacket) throw new ProtocolViolation(0x82, `it sent ${clientPacket}, which only a client may send`);
  // MQTT-2.2.2-2 (3.1.1), MQTT-2.1.3-1 (5.0). Legacy 3.1 gives these bits a meaning (DUP, QoS) and brokers set them.
  if (protocolVersion !== 3 && (first & 0x0f) !== (type === 6 ? 2 : 0)) {
    throw new ProtocolViolation(0x81, `it sent a packet with a wrong fixed header (0x${first.toString(16)})`);
  }
  switch (type) {
    case 2:
      return decodeConnack(reader, protocolVersion);
    case 4:
    case 5:
    case 6:
    case 7:
      return decodeAcknowledgement(reader, ACKNOWLEDGEMENTS[type], protocolVersion);
    case 9:
      return decodeSuback(reader, protocolVersion);
    case 11:
      return decodeUnsuback(reader, protocolVersion);
    case 13:
      reader.finish();
      return { cmd: 'pingresp' };
    case 14:
      if (protocolVersion === 5) return decodeDisconnect(reader);
      throw new ProtocolViolation(0x82, 'it sent DISCONNECT, which only a client may send before MQTT 5');
    case 15:
      if (protocolVersion === 5) return { cmd: 'auth' };
      break;
  }
  throw new ProtocolViolation(0x81, `it sent a packet of the reserved type ${type}`);
}

function decodePublish(reader: PacketReader, first: number, protocolVersion: 3 | 4 | 5): PublishPacket {
  const qos = (first >> 1) & 3;
  // MQTT-3.3.1-4 (3.1.1 and 5.0)
  if (qos === 3) throw new ProtocolViolation(0x81, 'it sent a PUBLISH with both QoS bits set');
  const topic = reader.string();
  // MQTT-3.3.2-2 (3.1.1 and 5.0)
  if (topic.includes('+') || topic.includes('#')) {
    throw new ProtocolViolation(0x82, `it sent a PUBLISH whose topic has wildcards (${topic})`);
  }
  const messageId = qos > 0 ? packetIdentifier(reader) : undefined;
  const properties = protocolVersion === 5 ? readProperties(reader, 'publish') : undefined;
  if (topic === '' && properties?.topicAlias === undefined) {
    throw new ProtocolViolation(0x82, 'it sent a PUBLISH without a topic');
  }
  const packet: PublishPacket = {
    cmd: 'publish',
    topic,
    payload: reader.rest(),
    qos: qos as 0 | 1 | 2,
    retain: (first & 1) === 1,
    dup: qos > 0 && (first & 8) === 8,
  };
  if (messageId !== undefined) packet.messageId = messageId;
  if (properties) packet.properties = properties as PublishPacketProperties;
  return packet;
}

function decodeConnack(reader: PacketReader, protocolVersion: 3 | 4 | 5): ConnackPacket {
  const flags = reader.byte();
  if (protocolVersion !== 3 && flags > 1) {
    throw new ProtocolViolation(0x81, `it sent a CONNACK with reserved flags set (0x${flags.toString(16)})`);
  }
  const packet: ConnackPacket = { cmd: 'connack', sessionPresent: flags === 1, reasonCode: reader.byte() };
  // A broker without MQTT 5 refuses in the format of 3.1.1, which has no properties.
  if (protocolVersion === 5 && (reader.remaining > 0 || packet.reasonCode === 0)) {
    const properties = readProperties(reader, 'connack');
    if (properties) packet.properties = properties;
    if ((properties?.maximumQoS as number) > 1) throw new ProtocolViolation(0x82, 'it sent a Maximum QoS above 1');
  }
  reader.finish();
  return packet;
}

function decodeAcknowledgement(
  reader: PacketReader,
  cmd: AcknowledgementPacket['cmd'],
  protocolVersion: 3 | 4 | 5,
): AcknowledgementPacket {
  const packet: AcknowledgementPacket = { cmd, messageId: packetIdentifier(reader) };
  if (protocolVersion === 5) {
    packet.reasonCode = reader.remaining > 0 ? reader.byte() : 0;
    const properties = optionalProperties(reader, 'acknowledgement') as AcknowledgementProperties | undefined;
    if (properties) packet.properties = properties;
  }
  reader.finish();
  return packet;
}

function decodeSuback(reader: PacketReader, protocolVersion: 3 | 4 | 5): SubackPacket {
  const messageId = packetIdentifier(reader);
  if (protocolVersion === 5) readProperties(reader, 'acknowledgement');
  const granted = [...reader.rest()];
  // MQTT-3.9.3-2 (3.1.1 and 5.0)
  const wrong = granted.find((code) => code > 2 && (protocolVersion === 5 ? code < 0x80 : code !== 0x80));
  if (granted.length === 0 || wrong !== undefined) {
    throw new ProtocolViolation(0x81, `it sent a SUBACK with ${wrong === undefined ? 'no code' : `the code ${wrong}`}`);
  }
  return { cmd: 'suback', messageId, granted };
}

function decodeUnsuback(reader: PacketReader, protocolVersion: 3 | 4 | 5): UnsubackPacket {
  const packet: UnsubackPacket = { cmd: 'unsuback', messageId: packetIdentifier(reader) };
  if (protocolVersion === 5) {
    readProperties(reader, 'acknowledgement');
    packet.granted = [...reader.rest()];
  }
  reader.finish();
  return packet;
}

function decodeDisconnect(reader: PacketReader): DisconnectPacket {
  const packet: DisconnectPacket = { cmd: 'disconnect', reasonCode: reader.remaining > 0 ? reader.byte() : 0 };
  const properties = optionalProperties(reader, 'disconnect');
  if (properties) packet.properties = properties;
  reader.finish();
  return packet;
}

/** In acknowledgements and DISCONNECT the property length itself may be absent (5.0, 3.4.2.2.1 and 3.14.2.2.1). */
function optionalProperties(reader: PacketReader, owner: PropertyOwner): Record<string, unknown> | undefined {
  return reader.remaining > 0 ? readProperties(reader, owner) : undefined;
}

/** MQTT-2.3.1-1 (3.1.1), MQTT-2.2.1-3 and -4 (5.0) */
function packetIdentifier(reader: PacketReader): number {
  const identifier = reader.uint16();
  if (identifier === 0) throw new ProtocolViolation(0x82, 'it sent a packet with the packet identifier 0');
  return identifier;
}
