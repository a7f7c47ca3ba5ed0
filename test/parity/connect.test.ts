// Every field of the broker node, as CONNECT carries it to a broker that only listens.
import assert from 'node:assert/strict';
import type { IConnectPacket } from 'mqtt-packet';
import { catchNode, type FlowNode, helperNode, tab } from '../nodes/flow';
import { waitFor } from '../support/wait';
import { FrontDoor } from './front-door';
import { comparable, coreBroker, coreOut, type Stage, type Version } from './stage';
import { compare, type Row } from './table';

const clientIdOf = (index: number) => `connect-${index}`;

interface Field {
  title: string;
  fields: Record<string, unknown>;
  credentials?: { user?: string; password?: string };
  versions?: readonly Version[];
  differs?: Row['differs'];
}

const field = (title: string, fields: Record<string, unknown>, more: Partial<Field> = {}): Field => {
  return { title, fields, ...more };
};

const will = { willTopic: 'will/topic', willPayload: 'gone', willQos: '1', willRetain: 'true' };
const willOptions = {
  contentType: 'text/plain',
  respTopic: 'answers',
  correl: 'abc',
  expiry: '600',
  delay: '5',
  userProps: '{"a":"1","b":2}',
};

/** What a CONNECT has by default; `index`: of the row. */
function plainConnect(index: number, properties?: Record<string, unknown>): Record<string, unknown> {
  const v5 = { requestResponseInformation: true, requestProblemInformation: true };
  return {
    ...{
      protocolId: 'MQTT',
      protocolVersion: properties ? 5 : 4,
      clean: false,
      keepalive: 60,
      clientId: clientIdOf(index),
    },
    properties: properties ? { ...v5, ...properties } : {},
  };
}

const table: Field[] = [
  field(
    'cleansession: missing',
    { cleansession: undefined, protocolVersion: 4 },
    {
      differs: {
        by: 'defaults',
        core: { ...plainConnect(0), clean: true },
        ours: { ...plainConnect(0), clean: false },
      },
    },
  ),
  field(
    'session expiry: 0',
    { sessionExpiry: '0', protocolVersion: 5 },
    {
      differs: {
        by: 'session-expiry',
        core: plainConnect(1, {}),
        ours: plainConnect(1, { sessionExpiryInterval: 0xffff_ffff }),
      },
    },
  ),
  field('cleansession on', { cleansession: true }),
  field('cleansession off', { cleansession: false }),
  field('cleansession as text', { cleansession: 'true' }, { versions: [5] }),
  field('keepalive', { keepalive: '15' }),
  field('keepalive: 0', { keepalive: 0 }),
  field('keepalive: missing', { keepalive: undefined }),
  field('protocolVersion 3', { protocolVersion: 3 }),
  field('protocolVersion as text', { protocolVersion: '4' }),
  field('protocolVersion: missing', { protocolVersion: undefined }),
  field('compatmode', { compatmode: true }),
  field('compatmode as text', { compatmode: 'true' }),
  field('user and password', {}, { credentials: { user: 'operator', password: 'secret' } }),
  field('user alone', {}, { credentials: { user: 'operator' } }),
  field(
    'user and password from the environment',
    {},
    {
      credentials: { user: variable('PARITY_USER'), password: variable('PARITY_PASSWORD') },
    },
  ),
  field('will', will),
  field('will without payload', { ...will, willPayload: '' }),
  field('will of QoS 0', { willTopic: 'will/topic', willPayload: 'x', willQos: '0', willRetain: 'false' }),
  field('will with MQTT 5 options', { ...will, willMsg: willOptions }),
  field('will with user properties of an object', { ...will, willMsg: { userProps: { a: '1' } } }),
  field('will without topic', { willPayload: 'gone' }),
  field('user properties', { userProps: '{"site":"north","n":5}' }),
  field('user properties: not JSON', { userProps: 'site=north' }),
  field('session expiry', { sessionExpiry: '120' }),
  field('session expiry with cleansession', { sessionExpiry: '120', cleansession: true }),
  field('session expiry: 0 with cleansession', { sessionExpiry: '0', cleansession: true }),
  field('fields from the environment', {
    keepalive: variable('PARITY_KEEPALIVE'),
    sessionExpiry: variable('PARITY_EXPIRY'),
    userProps: variable('PARITY_PROPERTIES'),
    ...{ willTopic: variable('PARITY_TOPIC'), willPayload: variable('PARITY_TOPIC'), willQos: '1' },
  }),
];

const environment: Record<string, string> = {
  PARITY_USER: 'operator',
  PARITY_PASSWORD: 'from the environment',
  PARITY_KEEPALIVE: '33',
  PARITY_EXPIRY: '120',
  PARITY_PROPERTIES: '{"from":"environment"}',
  PARITY_TOPIC: 'will/environment',
};

function variable(name: string): string {
  return `$\{${name}}`;
}

/** What ours asks for besides: how many messages it takes unacknowledged. A subscriber cannot see it. */
function connectOf(packet: IConnectPacket): unknown {
  const { cmd: _cmd, length: _length, ...fields } = packet as IConnectPacket & { length?: number };
  const { receiveMaximum: _receiveMaximum, ...properties } = fields.properties ?? {};
  const { protocolId, protocolVersion, clean, keepalive, clientId, username, password, will: last } = fields;
  return comparable({
    ...{ protocolId, protocolVersion, clean, keepalive, clientId, username, password },
    properties,
    ...(last && { will: { ...last, properties: last.properties ?? {} } }),
  });
}

let door: FrontDoor;

compare({
  title: 'fields of the broker node',
  versions: [4, 5],
  options: {
    credentials: Object.fromEntries(
      table.flatMap(({ credentials }, index) => (credentials === undefined ? [] : [[`broker-${index}`, credentials]])),
    ),
  },
  async nodes(stage: Stage): Promise<FlowNode[]> {
    Object.assign(process.env, environment);
    door = await FrontDoor.open(stage.mosquitto.port);
    return [
      tab,
      catchNode('catch', 'errors'),
      helperNode('errors'),
      ...table.flatMap(({ fields }, index) => [
        coreBroker(stage, { port: door.port, clientid: clientIdOf(index), ...fields, id: `broker-${index}` }),
        coreOut(`out-${index}`, { broker: `broker-${index}` }),
      ]),
    ];
  },
  async ready() {
    await waitFor(() => table.every((_field, index) => door.connects.has(clientIdOf(index))), {
      what: 'every broker node to connect',
      detail: () => [...door.connects.keys()].join(' '),
    });
  },
  async done() {
    for (const name of Object.keys(environment)) delete process.env[name];
    await door.close();
  },
  rows: table.map(({ title, versions, differs }, index): Row => {
    return {
      title,
      ...(versions && { versions }),
      ...(differs && { differs }),
      async run() {
        const connect = door.connects.get(clientIdOf(index));
        assert.ok(connect);
        return connectOf(connect.packet);
      },
    };
  }),
});
