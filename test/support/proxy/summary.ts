import type { Packet } from 'mqtt-packet';
import { reasonCode } from '../rules/types';

/** A packet without its payload, small enough to keep by the thousand. */
export interface PacketSummary {
  cmd: Packet['cmd'];
  identifier?: number | undefined;
  qos?: number;
  dup?: boolean;
  retain?: boolean;
  topic?: string;
  payloadBytes?: number;
  clientId?: string;
  clean?: boolean | undefined;
  sessionPresent?: boolean;
  reasonCode?: number;
}

export function summarise(packet: Packet): PacketSummary {
  const identifier = packet.messageId;
  switch (packet.cmd) {
    case 'publish': {
      const { cmd, qos, dup, retain, topic, payload } = packet;
      const payloadBytes = Buffer.byteLength(payload);
      return qos === 0
        ? { cmd, qos, dup, retain, topic, payloadBytes }
        : { cmd, identifier, qos, dup, retain, topic, payloadBytes };
    }
    case 'connect':
      return { cmd: packet.cmd, clientId: packet.clientId, clean: packet.clean };
    case 'connack':
      return { cmd: packet.cmd, sessionPresent: packet.sessionPresent, reasonCode: reasonCode(packet) };
    case 'pingreq':
    case 'pingresp':
      return { cmd: packet.cmd };
    case 'disconnect':
    case 'auth':
      return { cmd: packet.cmd, reasonCode: reasonCode(packet as { reasonCode?: number }) };
    default:
      return { cmd: packet.cmd, identifier, reasonCode: reasonCode(packet as { reasonCode?: number }) };
  }
}

/** One line, for example `PUBLISH 7 qos=1 dup topic=a/b 12 bytes`. */
export function describe(summary: PacketSummary): string {
  const { cmd, identifier, qos, dup, retain, topic, payloadBytes, clientId, clean, sessionPresent } = summary;
  const words = [cmd.toUpperCase()];
  if (identifier !== undefined) words.push(String(identifier));
  if (qos !== undefined) words.push(`qos=${qos}`);
  if (dup) words.push('dup');
  if (retain) words.push('retain');
  if (topic !== undefined) words.push(`topic=${topic}`, `${payloadBytes} bytes`);
  if (clientId !== undefined) words.push(`clientId=${clientId}`, clean ? 'clean' : 'resume');
  if (sessionPresent !== undefined) words.push(`sessionPresent=${sessionPresent ? 1 : 0}`);
  if (summary.reasonCode) words.push(`reason=0x${summary.reasonCode.toString(16)}`);
  return words.join(' ');
}
