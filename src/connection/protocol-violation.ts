/** The broker sent what MQTT forbids. */
export class ProtocolViolation extends Error {
  /** MQTT 5 reason code for our DISCONNECT: 0x81 malformed packet, 0x82 protocol error, ... */
  readonly reasonCode: number;

  /** `message` completes the sentence "The broker broke the protocol: ...". */
  constructor(reasonCode: number, message: string) {
    super(message);
    this.name = 'ProtocolViolation';
    this.reasonCode = reasonCode;
  }
}
