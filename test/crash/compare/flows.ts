// The same flow for every subject: numbered messages, what the subject puts before its out nodes, the out nodes.
import { brokerNode, coreBrokerNode, type FlowNode, functionNode, inject, ON_TAB, storeNode } from '../harness/flow';

const TICK_S = 0.02;
const CLIENT_ID = 'line';

/** A stream of messages out and one in, of one QoS. */
export const STREAMS = ([1, 2] as const).map((qos) => ({
  qos,
  out: `${CLIENT_ID}/out/qos${qos}`,
  in: `${CLIENT_ID}/in/qos${qos}`,
  outId: `out-${qos}`,
}));

/** Goes the way of QoS 1. */
export const BURST_TOPIC = `${CLIENT_ID}/out/burst`;

export type CompareStream = (typeof STREAMS)[number];

/** What a subject puts between the messages and an out node. */
export interface Queue {
  nodes: FlowNode[];
  /** Gets the messages. */
  entry: string;
}

export interface CompareFlowOptions {
  brokerPort: number;
  /** Those of this package, or Node-RED's own. */
  own: boolean;
  storePath: string;
  handedFile: string;
  doneFile: string;
  receivedFile: string;
  /** While it exists no messages are made. */
  pauseFile: string;
  /** When it appears it is taken away, and so many messages on {@link BURST_TOPIC} as it says are given at once. */
  burstFile: string;
  /** Messages per second of each stream. */
  perSecond: number;
  queue?: ((stream: CompareStream) => Queue) | undefined;
}

/** Environment of the process: FIRST, the number of its first message, and GENERATION, the number of the run. */
export function compareFlow(options: CompareFlowOptions): FlowNode[] {
  const { own, brokerPort, storePath, receivedFile, doneFile, queue } = options;
  const queues = STREAMS.map((stream) => queue?.(stream) ?? { nodes: [], entry: stream.outId });
  const broker = (own ? brokerNode : coreBrokerNode)(CLIENT_ID, 4, brokerPort);
  const noteDone = `fs.appendFileSync(${JSON.stringify(doneFile)}, msg.topic + ' ' + msg.sequence + '\\n');`;
  const noteReceived = `
const sequence = /"seq":(\\d+)/.exec(msg.payload)[1];
const flags = msg.qos + ' ' + (msg.dup ? 1 : 0) + ' ' + (msg.redelivered ? 1 : 0);
fs.appendFileSync(${JSON.stringify(receivedFile)},
  env.get('GENERATION') + ' ' + msg.topic + ' ' + sequence + ' ' + flags + '\\n');`;
  return [
    { id: 'tab', type: 'tab', label: 'compare', disabled: false, info: '' },
    ...(own ? [storeNode(storePath)] : []),
    broker,
    { ...inject('tick', TICK_S), wires: [['produce']] },
    {
      ...functionNode('produce', producer(options)),
      outputs: STREAMS.length,
      wires: queues.map(({ entry }) => [entry]),
    },
    ...queues.flatMap(({ nodes }) => nodes),
    ...STREAMS.map(({ outId, qos }) => ({
      id: outId,
      type: own ? 'mqtt-persistent-out' : 'mqtt out',
      ...ON_TAB,
      name: '',
      topic: '',
      qos: String(qos),
      retain: 'false',
      broker: broker.id,
      ...(own && { complete: 'stored' }),
      wires: [],
    })),
    ...STREAMS.map((stream) => ({
      id: `in-${stream.qos}`,
      type: own ? 'mqtt-persistent-in' : 'mqtt in',
      ...ON_TAB,
      name: '',
      topic: stream.in,
      qos: String(stream.qos),
      datatype: 'utf8',
      broker: broker.id,
      nl: false,
      rap: true,
      rh: 0,
      inputs: 0,
      ...(own && { acknowledge: 'auto' }),
      wires: [['received']],
    })),
    { ...functionNode('received', noteReceived), wires: [[]] },
    completeNode(
      'completed',
      STREAMS.map(({ outId }) => outId),
      [['done']],
    ),
    { ...functionNode('done', noteDone), wires: [[]] },
  ];
}

/** The time at which a message was given is part of its line. */
function producer({ perSecond, pauseFile, burstFile, handedFile }: CompareFlowOptions): string {
  return `
if (fs.existsSync(${JSON.stringify(pauseFile)})) return;
const topics = ${JSON.stringify(STREAMS.map(({ out }) => out))};
let next = global.get('next') || Number(env.get('FIRST'));
const give = (count, chosen) => {
  const messages = chosen.map(() => []);
  let lines = '';
  for (let index = 0; index < count; index++, next++) {
    chosen.forEach((topic, output) => {
      const payload = '{"stream":"' + topic + '","seq":' + next + '}';
      messages[output].push({ topic, sequence: next, payload });
      lines += topic + ' ' + next + ' ' + Date.now() + '\\n';
    });
  }
  global.set('next', next);
  if (lines !== '') fs.appendFileSync(${JSON.stringify(handedFile)}, lines);
  node.send(messages);
};
if (fs.existsSync(${JSON.stringify(burstFile)})) {
  const count = Number(fs.readFileSync(${JSON.stringify(burstFile)}, 'utf8'));
  fs.rmSync(${JSON.stringify(burstFile)});
  give(count, [${JSON.stringify(BURST_TOPIC)}]);
}
const owed = (global.get('rest') || 0) + ${perSecond * TICK_S};
global.set('rest', owed - Math.floor(owed));
give(Math.floor(owed), topics);`;
}

function completeNode(id: string, scope: string[], wires: string[][]): FlowNode {
  return { id, ...ON_TAB, type: 'complete', name: '', scope, uncaught: false, wires };
}
