import type { IConnackPacket, IPublishPacket, Packet } from 'mqtt-packet';
import { type Report, wireLength } from './types';

/** What the CONNACK of one connection allows the client (5.0 3.2.2.3). */
export class ServerLimits {
  readonly receiveMaximum: number;
  readonly #maximumPacketSize: number;
  readonly #maximumQoS: number;
  readonly #retainAvailable: boolean;
  readonly #topicAliasMaximum: number;

  constructor(connack: IConnackPacket | undefined) {
    const properties = connack?.properties ?? {};
    this.receiveMaximum = properties.receiveMaximum ?? (connack === undefined ? Number.POSITIVE_INFINITY : 65_535);
    this.#maximumPacketSize = properties.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    this.#maximumQoS = properties.maximumQoS ?? 2;
    this.#retainAvailable = properties.retainAvailable ?? true;
    this.#topicAliasMaximum = properties.topicAliasMaximum ?? 0;
  }

  /** Whether a stored message may be sent on this connection at all. */
  allow(message: { bytes: number | undefined; qos: number; retain: boolean }): boolean {
    return (
      (message.bytes ?? 0) <= this.#maximumPacketSize &&
      message.qos <= this.#maximumQoS &&
      (!message.retain || this.#retainAvailable)
    );
  }

  checkPacket(packet: Packet, report: Report): void {
    const bytes = wireLength(packet);
    if (bytes !== undefined && bytes > this.#maximumPacketSize) {
      report.violation(
        'maximum-packet-size',
        `${packet.cmd} of ${bytes} bytes, the broker takes ${this.#maximumPacketSize}`,
      );
    }
  }

  checkPublish(packet: IPublishPacket, report: Report): void {
    if (packet.qos > this.#maximumQoS) {
      report.violation('maximum-qos', `PUBLISH with QoS ${packet.qos}, the broker takes ${this.#maximumQoS}`);
    }
    if (packet.retain && !this.#retainAvailable) {
      report.violation('retain-unavailable', `PUBLISH to ${packet.topic} with RETAIN, the broker does not retain`);
    }
    const alias = packet.properties?.topicAlias;
    if (alias !== undefined && (alias === 0 || alias > this.#topicAliasMaximum)) {
      report.violation('topic-alias-maximum', `topic alias ${alias}, the broker takes ${this.#topicAliasMaximum}`);
    }
  }
}
