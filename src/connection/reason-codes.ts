/** CONNACK return codes of MQTT 3.1 and 3.1.1 (3.1.1, table 3.1). */
const RETURN_CODES: Record<number, string> = {
  0: 'Connection accepted',
  1: 'Unacceptable protocol version',
  2: 'Client identifier rejected',
  3: 'Server unavailable',
  4: 'Bad user name or password',
  5: 'Not authorized',
};

/** Reason codes of MQTT 5.0 from 0x10 on mean the same in every packet (5.0, table 2.6). */
const REASON_CODES: Record<number, string> = {
  16: 'No matching subscribers',
  17: 'No subscription existed',
  24: 'Continue authentication',
  25: 'Re-authenticate',
  128: 'Unspecified error',
  129: 'Malformed packet',
  130: 'Protocol error',
  131: 'Implementation specific error',
  132: 'Unsupported protocol version',
  133: 'Client identifier not valid',
  134: 'Bad user name or password',
  135: 'Not authorized',
  136: 'Server unavailable',
  137: 'Server busy',
  138: 'Banned',
  139: 'Server shutting down',
  140: 'Bad authentication method',
  141: 'Keep alive timeout',
  142: 'Session taken over',
  143: 'Topic filter invalid',
  144: 'Topic name invalid',
  145: 'Packet identifier in use',
  146: 'Packet identifier not found',
  147: 'Receive maximum exceeded',
  148: 'Topic alias invalid',
  149: 'Packet too large',
  150: 'Message rate too high',
  151: 'Quota exceeded',
  152: 'Administrative action',
  153: 'Payload format invalid',
  154: 'Retain not supported',
  155: 'QoS not supported',
  156: 'Use another server',
  157: 'Server moved',
  158: 'Shared subscriptions not supported',
  159: 'Connection rate exceeded',
  160: 'Maximum connect time',
  161: 'Subscription identifiers not supported',
  162: 'Wildcard subscriptions not supported',
};

const LOW_SUBACK_CODES: Record<number, string> = { 0: 'Granted QoS 0', 1: 'Granted QoS 1', 2: 'Granted QoS 2' };
const LOW_DISCONNECT_CODES: Record<number, string> = { 0: 'Normal disconnection', 4: 'Disconnect with will message' };

export type ReasonCodePacket =
  | 'connack'
  | 'disconnect'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'suback'
  | 'unsuback';

/** The name of a reason code (5.0) or return code (CONNACK of 3.1 and 3.1.1); an unknown one is named by its number. */
export function reasonCodeName(packet: ReasonCodePacket, code: number, protocolVersion: 3 | 4 | 5 = 5): string {
  return knownName(packet, code, protocolVersion) ?? `Reason code 0x${code.toString(16).padStart(2, '0')}`;
}

function knownName(packet: ReasonCodePacket, code: number, protocolVersion: 3 | 4 | 5): string | undefined {
  // A broker without MQTT 5 answers a CONNECT of MQTT 5 with a return code of 3.1.1.
  if (packet === 'connack' && (protocolVersion !== 5 || (code > 0 && code < 16))) return RETURN_CODES[code];
  if (packet === 'suback' && protocolVersion !== 5 && code === 128) return 'Failure';
  if (code >= 16) return REASON_CODES[code];
  if (packet === 'suback') return LOW_SUBACK_CODES[code];
  if (packet === 'disconnect') return LOW_DISCONNECT_CODES[code];
  return code === 0 ? 'Success' : undefined;
}

const CREDENTIALS_ADVICE = 'check user name and password';
const AUTHORIZATION_ADVICE =
  'the credentials or the client id lack the right to connect: check the access rules of the broker';
const CLIENT_ID_ADVICE =
  'choose another client id (some brokers allow only letters and digits, or at most 23 characters)';
const LATER_ADVICE = 'it is tried again later';

const RETURN_CODE_ADVICE: Record<number, string> = {
  1: 'choose another MQTT version: the broker does not speak this one',
  2: CLIENT_ID_ADVICE,
  3: LATER_ADVICE,
  4: CREDENTIALS_ADVICE,
  5: `${CREDENTIALS_ADVICE}, and the access rules of the broker`,
};

const REASON_CODE_ADVICE: Record<number, string> = {
  129: 'the broker could not read CONNECT: check MQTT version, will message and properties',
  130: 'the broker found CONNECT against the rules: check MQTT version, will message and properties',
  132: 'choose another MQTT version: the broker does not speak this one',
  133: CLIENT_ID_ADVICE,
  134: CREDENTIALS_ADVICE,
  135: AUTHORIZATION_ADVICE,
  136: LATER_ADVICE,
  137: LATER_ADVICE,
  138: 'this client has been banned: ask who runs the broker',
  139: LATER_ADVICE,
  140: 'the broker asks for another authentication method',
  141: 'nothing reached the broker in time: check the network, or lengthen keep alive',
  142: 'another client connected with the same client id: give each its own',
  144: 'the broker does not accept the topic of the will message',
  147: 'more messages were sent than the broker takes unacknowledged: lower the number of messages in flight',
  149: 'a packet is larger than the broker takes: shorten the message, or raise the limit of the broker',
  150: 'send more slowly, or raise the limit of the broker',
  151: 'raise the limit of the broker, or ask who runs it',
  152: 'ask who runs the broker',
  153: 'the broker does not accept the payload of the will message',
  154: 'the broker keeps no retained messages: switch retain off, of the will message too',
  155: 'the broker does not support the QoS of the will message',
  156: 'the broker asks to use another server for now',
  157: 'the broker moved: change its address',
  159: LATER_ADVICE,
};

/** What to do about a refused CONNECT or a DISCONNECT of the broker; `undefined` where nothing useful can be said. */
export function reasonCodeAdvice(code: number, protocolVersion: 3 | 4 | 5): string | undefined {
  return protocolVersion !== 5 || code < 16 ? RETURN_CODE_ADVICE[code] : REASON_CODE_ADVICE[code];
}
