import { CLIENTS, STREAMS } from './library-subject';

/** The interval at which the flow publishes, in seconds. */
const TICK_S = 0.02;
/** Without a place on the tab Node-RED takes a node for a config node. */
export const ON_TAB = { z: 'tab', x: 100, y: 100 };

export interface FlowOptions {
  brokerPort: number;
  storePath: string;
  doneFile: string;
  receivedFile: string;
  /** Messages per second on each outbound stream while the process has TRAFFIC=1 in its environment. */
  perSecond: number;
  /** Default {@link STREAMS}. */
  streams?: readonly FlowStream[];
  /** `core`: Node-RED's own MQTT nodes. Default `persistent`: those of this package. */
  nodes?: 'persistent' | 'core';
  /** Seconds. Default 60. */
  keepalive?: number;
  /** Gets a line for each message that is given to an out node. */
  handedFile?: string;
  /** When this file appears it is taken away, and the next message on each topic has as many bytes as it says. */
  largeFile?: string;
}

interface FlowStream {
  clientId: string;
  qos: 0 | 1 | 2;
  out: string;
  in: string;
}

export type FlowNode = { id: string; type: string } & Record<string, unknown>;

/**
 * A flow that publishes and receives all streams and notes in the ledger's files what it was told done and what it got.
 *
 * Environment of the process: GENERATION and FIRST (number of its first message) and TRAFFIC (1: publish).
 */
export function crashFlow(options: FlowOptions): FlowNode[] {
  const { nodes = 'persistent', keepalive = 60 } = options;
  const makeBroker = nodes === 'core' ? coreBrokerNode : brokerNode;
  return [
    { id: 'tab', type: 'tab', label: 'crash', disabled: false, info: '' },
    ...(nodes === 'core' ? [] : [storeNode(options.storePath)]),
    ...CLIENTS.map(({ clientId, protocolVersion }) => ({
      ...makeBroker(clientId, protocolVersion, options.brokerPort),
      keepalive: String(keepalive),
    })),
    ...outboundNodes(options),
    ...inboundNodes(options),
    ...errorNodes(),
  ];
}

export function storeNode(path: string): FlowNode {
  return {
    id: 'session-store',
    type: 'mqtt-session-store',
    name: '',
    path,
    expiry: '0',
    cleanupInterval: '3600',
    durability: 'always',
    maxSize: 1_073_741_824,
    whenFull: 'reject',
    keepFailed: '30',
  };
}

/** Node-RED's own, with a session that the broker keeps. */
export function coreBrokerNode(clientId: string, protocolVersion: 4 | 5, port: number): FlowNode {
  return {
    id: `broker-${clientId}`,
    type: 'mqtt-broker',
    name: '',
    broker: '127.0.0.1',
    port: String(port),
    clientid: clientId,
    autoConnect: true,
    usetls: false,
    protocolVersion: String(protocolVersion),
    cleansession: false,
    autoUnsubscribe: true,
    sessionExpiry: protocolVersion === 5 ? '4294967295' : '',
    birthTopic: '',
    closeTopic: '',
    willTopic: '',
  };
}

export function brokerNode(clientId: string, protocolVersion: 4 | 5, port: number): FlowNode {
  return {
    id: `broker-${clientId}`,
    type: 'mqtt-persistent-broker',
    name: '',
    broker: '127.0.0.1',
    port: String(port),
    clientid: clientId,
    autoConnect: true,
    usetls: false,
    protocolVersion: String(protocolVersion),
    keepalive: '60',
    cleansession: false,
    autoUnsubscribe: true,
    sessionExpiry: '0',
    store: 'session-store',
    maxInflight: '100',
    onSessionLost: 'republish',
    maxSendRate: '',
    birthTopic: '',
    closeTopic: '',
    willTopic: '',
  };
}

/** A timer, a function that numbers the messages, an out node for each stream, and a Complete node on all of these. */
function outboundNodes(options: FlowOptions): FlowNode[] {
  const { perSecond, doneFile, handedFile, largeFile, nodes = 'persistent', streams = STREAMS } = options;
  const large = `
if (fs.existsSync(${JSON.stringify(largeFile)})) {
  global.set('bytes', Number(fs.readFileSync(${JSON.stringify(largeFile)}, 'utf8')));
  fs.rmSync(${JSON.stringify(largeFile)});
}`;
  const hand = `fs.appendFileSync(${JSON.stringify(handedFile)}, topics.map((topic) => topic + ' ' + sequence + '\\n').join(''));`;
  const produce = `
if (env.get('TRAFFIC') !== '1') return;
const topics = ${JSON.stringify(streams.map(({ out }) => out))};
${largeFile === undefined ? '' : large}
const count = (global.get('rest') || 0) + ${perSecond * TICK_S};
global.set('rest', count - Math.floor(count));
for (let index = 0; index < Math.floor(count); index++) {
  const sequence = global.get('next') || Number(env.get('FIRST'));
  const fill = '.'.repeat(global.get('bytes') || 0);
  global.set('bytes', 0);
  global.set('next', sequence + 1);
  ${handedFile === undefined ? '' : hand}
  node.send(topics.map((topic) => ({
    topic, sequence, payload: '{"stream":"' + topic + '","seq":' + sequence + (fill && ',"fill":"' + fill + '"') + '}',
  })));
}`;
  const note = `fs.appendFileSync(${JSON.stringify(doneFile)}, msg.topic + ' ' + msg.sequence + '\\n');`;
  return [
    { ...inject('tick', TICK_S), wires: [['produce']] },
    { ...functionNode('produce', produce), outputs: streams.length, wires: streams.map(outId).map((id) => [id]) },
    ...streams.map((stream) => ({
      id: outId(stream),
      type: nodes === 'core' ? 'mqtt out' : 'mqtt-persistent-out',
      ...ON_TAB,
      name: '',
      topic: '',
      qos: String(stream.qos),
      retain: 'false',
      broker: `broker-${stream.clientId}`,
      complete: 'stored',
      wires: [],
    })),
    {
      id: 'completed',
      ...ON_TAB,
      type: 'complete',
      name: '',
      scope: streams.map(outId),
      uncaught: false,
      wires: [['done']],
    },
    { ...functionNode('done', note), wires: [[]] },
  ];
}

function inboundNodes({ receivedFile, nodes = 'persistent', streams = STREAMS }: FlowOptions): FlowNode[] {
  const note = `
const flags = msg.qos + ' ' + (msg.dup ? 1 : 0) + ' ' + (msg.redelivered ? 1 : 0);
const sequence = /"seq":(\\d+)/.exec(msg.payload)[1];
fs.appendFileSync(${JSON.stringify(receivedFile)},
  env.get('GENERATION') + ' ' + msg.topic + ' ' + sequence + ' ' + flags + '\\n');`;
  return [
    ...streams.map((stream) => ({
      id: inId(stream),
      type: nodes === 'core' ? 'mqtt in' : 'mqtt-persistent-in',
      ...ON_TAB,
      name: '',
      topic: stream.in,
      qos: String(stream.qos),
      datatype: 'utf8',
      broker: `broker-${stream.clientId}`,
      nl: false,
      rap: true,
      rh: 0,
      inputs: 0,
      acknowledge: 'auto',
      wires: [['received']],
    })),
    { ...functionNode('received', note), wires: [[]] },
  ];
}

/** Whatever a node complains about comes out of the process as a line that {@link reportedErrors} finds. */
function errorNodes(): FlowNode[] {
  const report = `node.error('FLOW-ERROR ' + msg.error.source.type + ': ' + msg.error.message);`;
  return [
    { id: 'caught', type: 'catch', ...ON_TAB, name: '', scope: null, uncaught: false, wires: [['report']] },
    { ...functionNode('report', report), wires: [[]] },
  ];
}

/** Errors in the output of Node-RED, but not that the broker cannot be reached: in an outage that is so. */
export function reportedErrors(log: string): string[] {
  return log
    .split('\n')
    .filter((line) => /FLOW-ERROR|Uncaught Exception|\[error\]/.test(line))
    .filter(
      (line) => !/mqtt-persistent-broker.*(cannot be reached|was closed|closed the connection without)/.test(line),
    );
}

export function outId({ clientId, qos }: { clientId: string; qos: 0 | 1 | 2 }): string {
  return `out-${clientId}-${qos}`;
}

export function inId({ clientId, qos }: { clientId: string; qos: 0 | 1 | 2 }): string {
  return `in-${clientId}-${qos}`;
}

export function inject(id: string, repeatSeconds: number): FlowNode {
  return {
    id,
    type: 'inject',
    ...ON_TAB,
    name: '',
    props: [],
    repeat: String(repeatSeconds),
    crontab: '',
    once: true,
    onceDelay: 0.1,
  };
}

export function functionNode(id: string, func: string): FlowNode {
  return {
    id,
    type: 'function',
    ...ON_TAB,
    name: '',
    func,
    outputs: 1,
    timeout: 0,
    noerr: 0,
    initialize: '',
    finalize: '',
    libs: [{ var: 'fs', module: 'fs' }],
  };
}
