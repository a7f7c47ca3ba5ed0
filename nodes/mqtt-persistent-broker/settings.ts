import type { ConnectionOptions, WillMessage } from '../../src/connection/types';
import { booleanOf, exactTextOf, isRecord, numberOf, qosOf, textOf, userPropertiesOf } from '../shared/config-values';
import { encodePayload } from '../shared/payload';
import { httpProxyFor } from './http-proxy';

/** The broker node's configuration, named as that of Node-RED's own; values may be strings (environment variables). */
export type BrokerConfig = Readonly<Record<string, unknown>>;

export interface BrokerCredentials {
  user?: string;
  password?: string;
}

/** What surrounds the broker node. */
export interface BrokerSurroundings {
  /** Adds TLS options (ca, cert, rejectUnauthorized, ...); present when a TLS configuration is chosen. Used when TLS is on. */
  addTLSOptions?: (options: Record<string, unknown>) => void;
  /** Seconds, 0: never. Of the store node; for a broker node that says nothing. */
  storeExpiry: number;
  /** `proxyOptions` of Node-RED's settings. */
  proxyOptions?: unknown;
}

export interface BrokerSettings {
  /** Undefined: one is generated and kept. */
  clientId: string | undefined;
  /** The broker was given as localhost or 127.0.0.1. */
  isLocal: boolean;
  autoConnect: boolean;
  autoUnsubscribe: boolean;
  connection: Omit<ConnectionOptions, 'clientId'>;
  birth?: WillMessage;
  close?: WillMessage;
  /** Seconds after the last access at which the stored session expires, 0: never. */
  expiryInterval: number;
  maxInflight: number | undefined;
  /** What a broker takes unacknowledged that does not announce it; undefined: not known. */
  brokerReceiveMaximum: number | undefined;
  /** Messages a second from the queue; undefined: no limit. */
  maxSendRate: number | undefined;
  onSessionLost: 'republish' | 'discard';
}

/** An MQTT 5 broker keeps a session with this Session Expiry Interval until it is told otherwise (3.1.2.11.2). */
const NEVER = 0xffffffff;
const DEFAULT_PORT = 1883;
const DEFAULT_KEEP_ALIVE_SECONDS = 60;
const KEEP_ALIVE_SECONDS_MAX = 65_535;
const RECEIVE_MAXIMUM_MAX = 65_535;

export function brokerSettings(
  config: BrokerConfig,
  credentials: BrokerCredentials,
  { addTLSOptions, storeExpiry, proxyOptions }: BrokerSurroundings,
): BrokerSettings {
  const protocolVersion = protocolVersionOf(config);
  const clean = booleanOf(config.cleansession, false);
  const expiryInterval = expiryOf(config.sessionExpiry) ?? storeExpiry;
  const url = brokerUrl(config);
  const isSecure = /^(mqtts|ssl|tls|wss):/i.test(url);
  const transport: Record<string, unknown> = {};
  if (isSecure && booleanOf(config.usetls, false)) addTLSOptions?.(transport);
  const httpProxy = httpProxyFor(url, proxyOptions);
  if (httpProxy !== undefined) transport.httpProxy = httpProxy;
  const connection: BrokerSettings['connection'] = {
    url,
    protocolVersion,
    clean,
    keepalive: Math.min(
      KEEP_ALIVE_SECONDS_MAX,
      Math.max(0, Math.trunc(numberOf(config.keepalive, DEFAULT_KEEP_ALIVE_SECONDS))),
    ),
    transport,
    ...loginOf(credentials, protocolVersion),
  };
  const will = specialMessage(config, 'will', protocolVersion);
  if (will !== undefined) connection.will = will;
  if (protocolVersion === 5) connection.properties = connectProperties(config, clean, storeExpiry);
  const settings: BrokerSettings = {
    clientId: textOf(config.clientid),
    isLocal: config.broker === 'localhost' || config.broker === '127.0.0.1',
    autoConnect: booleanOf(config.autoConnect, true),
    autoUnsubscribe: booleanOf(config.autoUnsubscribe, true),
    connection,
    expiryInterval,
    maxInflight: numberOf(config.maxInflight),
    brokerReceiveMaximum: receiveMaximumOf(config.brokerReceiveMaximum),
    maxSendRate: rateOf(config.maxSendRate),
    onSessionLost: config.onSessionLost === 'discard' ? 'discard' : 'republish',
  };
  const birth = specialMessage(config, 'birth', protocolVersion);
  const close = specialMessage(config, 'close', protocolVersion);
  return { ...settings, ...(birth === undefined ? {} : { birth }), ...(close === undefined ? {} : { close }) };
}

/**
 * The configuration with what a connect action's `msg.broker` changes; names as in Node-RED's own node.
 * The TLS configuration cannot be changed.
 */
export function withOverrides(
  config: BrokerConfig,
  credentials: BrokerCredentials,
  overrides: Readonly<Record<string, unknown>>,
): { config: BrokerConfig; credentials: BrokerCredentials } {
  const changed: Record<string, unknown> = { ...config };
  for (const name of CHANGEABLE) if (Object.hasOwn(overrides, name)) changed[name] = overrides[name];
  // An address in the message replaces the one in the configuration, whichever form that has.
  if (Object.hasOwn(overrides, 'broker') && !Object.hasOwn(overrides, 'url')) delete changed.url;
  // What is stated of one broker says nothing of another; too large a number loses messages.
  if (ADDRESS.some((name) => Object.hasOwn(overrides, name)) && !Object.hasOwn(overrides, 'brokerReceiveMaximum')) {
    delete changed.brokerReceiveMaximum;
  }
  if (Object.hasOwn(overrides, 'userProperties')) changed.userProps = overrides.userProperties;
  if (Object.hasOwn(overrides, 'sessionExpiryInterval') && !Object.hasOwn(overrides, 'sessionExpiry')) {
    changed.sessionExpiry = overrides.sessionExpiryInterval;
  }
  for (const kind of ['birth', 'close', 'will'] as const) {
    if (!Object.hasOwn(overrides, kind)) continue;
    const message = isRecord(overrides[kind]) ? overrides[kind] : {};
    changed[`${kind}Topic`] = message.topic;
    changed[`${kind}Payload`] = message.payload;
    changed[`${kind}Qos`] = message.qos;
    changed[`${kind}Retain`] = message.retain;
    changed[`${kind}Msg`] = message.properties;
  }
  const login: BrokerCredentials = { ...credentials };
  if (Object.hasOwn(overrides, 'username')) login.user = exactTextOf(overrides.username) ?? '';
  if (Object.hasOwn(overrides, 'password')) login.password = exactTextOf(overrides.password) ?? '';
  return { config: changed, credentials: login };
}

const CHANGEABLE = [
  'url',
  'broker',
  'port',
  'clientid',
  'autoConnect',
  'usetls',
  'compatmode',
  'protocolVersion',
  'keepalive',
  'cleansession',
  'autoUnsubscribe',
  'userProps',
  'sessionExpiry',
  'brokerReceiveMaximum',
] as const;

/** Of the overrides, those after which it may be another broker. */
const ADDRESS = ['url', 'broker', 'port'] as const;

/** The broker's URL: the one given, or one made of host and port. A host may be an IPv6 address without brackets. */
export function brokerUrl(config: BrokerConfig): string {
  const url = textOf(config.url);
  if (url !== undefined) return url;
  const broker = textOf(config.broker) ?? 'localhost';
  if (broker.includes('://')) return broker;
  const host = broker.includes(':') && !broker.startsWith('[') ? `[${broker}]` : broker;
  const scheme = booleanOf(config.usetls, false) ? 'mqtts' : 'mqtt';
  return `${scheme}://${host}:${numberOf(config.port) || DEFAULT_PORT}`;
}

function protocolVersionOf(config: BrokerConfig): 3 | 4 | 5 {
  const version = numberOf(config.protocolVersion);
  if (booleanOf(config.compatmode, false) || version === 3) return 3;
  return version === 5 ? 5 : 4;
}

/** Seconds from 0 (never) on; undefined for a blank field. */
function expiryOf(value: unknown): number | undefined {
  const seconds = numberOf(value);
  return seconds === undefined || seconds < 0 ? undefined : Math.min(Math.trunc(seconds), NEVER);
}

/** Also a part of one, for less than a message a second. */
function rateOf(value: unknown): number | undefined {
  const rate = numberOf(value);
  return rate !== undefined && rate > 0 ? rate : undefined;
}

/** From 1 on, as in MQTT 5 (3.2.2.3.3). */
function receiveMaximumOf(value: unknown): number | undefined {
  const maximum = numberOf(value);
  return maximum !== undefined && maximum >= 1 ? Math.min(Math.trunc(maximum), RECEIVE_MAXIMUM_MAX) : undefined;
}

/** A password without a user name is allowed from MQTT 5 on (MQTT-3.1.2-22 (3.1.1)). */
function loginOf({ user, password }: BrokerCredentials, protocolVersion: 3 | 4 | 5) {
  const hasUser = user !== undefined && user !== '';
  const hasPassword = password !== undefined && password !== '' && (hasUser || protocolVersion === 5);
  return { ...(hasUser && { username: user }), ...(hasPassword && { password }) };
}

function connectProperties(config: BrokerConfig, clean: boolean, storeExpiry: number): Record<string, unknown> {
  const userProperties = userPropertiesOf(config.userProps);
  const configured = expiryOf(config.sessionExpiry);
  // A will with a delay waits as long as the session lives (3.1.3.2.2), so a clean session may have an expiry, too.
  const sessionExpiryInterval = clean ? configured : (configured ?? storeExpiry) || NEVER;
  return {
    requestResponseInformation: true,
    requestProblemInformation: true,
    ...(userProperties === undefined ? {} : { userProperties }),
    ...(sessionExpiryInterval ? { sessionExpiryInterval } : {}),
  };
}

/** Correlation data from a field, or from a message, which may have bytes. */
function bytesOf(value: unknown): Buffer | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value);
  const text = exactTextOf(value);
  return text === undefined ? undefined : Buffer.from(text);
}

/** The birth, close or will message; undefined without a topic. */
function specialMessage(
  config: BrokerConfig,
  kind: 'birth' | 'close' | 'will',
  protocolVersion: 3 | 4 | 5,
): WillMessage | undefined {
  const topic = exactTextOf(config[`${kind}Topic`]);
  if (topic === undefined) return undefined;
  const payload = encodePayload(config[`${kind}Payload`]);
  const message: WillMessage = {
    topic,
    payload: typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload),
    qos: qosOf(config[`${kind}Qos`]) ?? 0,
    retain: booleanOf(config[`${kind}Retain`], false),
  };
  const options = config[`${kind}Msg`];
  if (protocolVersion !== 5 || !isRecord(options)) return message;
  const correlationData = options.correl ?? options.correlationData;
  const properties: Record<string, unknown> = {
    contentType: exactTextOf(options.contentType),
    responseTopic: exactTextOf(options.respTopic ?? options.responseTopic),
    correlationData: bytesOf(correlationData),
    messageExpiryInterval: expiryOf(options.expiry ?? options.messageExpiryInterval),
    willDelayInterval: kind === 'will' ? expiryOf(options.delay ?? options.willDelayInterval) : undefined,
    userProperties: userPropertiesOf(options.userProps ?? options.userProperties),
  };
  const present = Object.entries(properties).filter(([, value]) => value !== undefined);
  return present.length === 0 ? message : { ...message, properties: Object.fromEntries(present) };
}
