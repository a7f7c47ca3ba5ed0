// Who is compared: each as its own documentation recommends for messages that must wait for a broker.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type FlowNode, functionNode, ON_TAB } from '../harness/flow';
import type { CompareStream, Queue } from './flows';

export interface CompareSubject {
  /** For a person. */
  title: string;
  /** The package in front of Node-RED's own out node. */
  peer?: string;
  /** Of the nodes of this package. */
  own?: boolean;
  settings?: Record<string, unknown>;
  queue?: (stream: CompareStream) => Queue;
}

const STORE = 'file';

/** Node-RED's context on disk, beside the one in memory. `flushInterval` in seconds; Node-RED's default is 30. */
function fileContext(flushInterval?: number): Record<string, unknown> {
  const file = { module: 'localfilesystem', config: flushInterval === undefined ? {} : { flushInterval } };
  return { contextStorage: { default: { module: 'memory' }, [STORE]: file } };
}

/**
 * README of node-red-contrib-queue-gate: `queue` keeps messages, `open` sends them and lets new ones through; restored
 * from a store that survives a restart. The status of the out node says when to do which. No limit on the queue.
 */
function queueGate({ qos, outId }: CompareStream): Queue {
  const [gate, status, command] = [`gate-${qos}`, `status-${qos}`, `command-${qos}`];
  const choose = `
const connected = /(^|\\.)connected$/.test(msg.status.text);
return { topic: 'control', payload: connected ? 'open' : 'queue' };`;
  return {
    entry: gate,
    nodes: [
      {
        id: gate,
        type: 'q-gate',
        ...ON_TAB,
        name: '',
        controlTopic: 'control',
        defaultState: 'queueing',
        openCmd: 'open',
        closeCmd: 'close',
        toggleCmd: 'toggle',
        queueCmd: 'queue',
        defaultCmd: 'default',
        triggerCmd: 'trigger',
        flushCmd: 'flush',
        resetCmd: 'reset',
        peekCmd: 'peek',
        dropCmd: 'drop',
        statusCmd: 'status',
        maxQueueLength: 0,
        keepNewest: false,
        qToggle: false,
        persist: true,
        storeName: STORE,
        wires: [[outId]],
      },
      { id: status, type: 'status', ...ON_TAB, name: '', scope: [outId], wires: [[command]] },
      { ...functionNode(command, choose), wires: [[gate]] },
    ],
  };
}

const EXAMPLE = path.join('examples', 'guaranteed-mqtt-publish.json');

/**
 * The package's own example for MQTT, as it is: one message at a time, removed from the queue when the out node is
 * complete, sent again otherwise. Changed: no limit on the queue, the store on disk, and tries again after 5 s, not 60.
 */
function guaranteedDelivery({ qos, outId }: CompareStream): Queue {
  const nodes = JSON.parse(fs.readFileSync(path.join(peerFolder(GUARANTEED), EXAMPLE), 'utf8')) as FlowNode[];
  const typeOf = (id: string) => nodes.find((node) => node.id === id)?.type;
  const rename = (id: string) => (typeOf(id) === 'mqtt out' ? outId : `${id}-${qos}`);
  const copy = nodes
    .filter(({ type }) => !['group', 'comment', 'mqtt out', 'mqtt-broker'].includes(type))
    .map((node): FlowNode => {
      const renamed: FlowNode = { ...node, id: rename(node.id), z: 'tab' };
      delete renamed.g;
      if (Array.isArray(node.wires)) renamed.wires = (node.wires as string[][]).map((ids) => ids.map(rename));
      for (const key of ['links', 'scope']) {
        if (Array.isArray(node[key])) renamed[key] = (node[key] as string[]).filter(typeOf).map(rename);
      }
      if (node.type === 'guaranteed-delivery')
        Object.assign(renamed, { maxQueue: 0, retrySecs: 5, contextStore: STORE });
      return renamed;
    });
  const entry = copy.find(({ type, name }) => type === 'link in' && name === 'Send to MQTT');
  if (entry === undefined) throw new Error(`${GUARANTEED}: the example has no link "Send to MQTT"`);
  return { nodes: copy, entry: entry.id };
}

const GATE = 'node-red-contrib-queue-gate';
const GUARANTEED = '@colinl/node-red-guaranteed-delivery';

export const subjects: Readonly<Record<string, CompareSubject>> = {
  persistent: { title: 'this package', own: true },
  core: { title: "Node-RED's own nodes" },
  'queue-gate': {
    title: `${GATE}, context written every 30 s (default)`,
    peer: GATE,
    settings: fileContext(),
    queue: queueGate,
  },
  'queue-gate-at-once': {
    title: `${GATE}, context written at once`,
    peer: GATE,
    settings: fileContext(0),
    queue: queueGate,
  },
  'guaranteed-delivery': {
    title: `${GUARANTEED}, context written every 30 s (default)`,
    peer: GUARANTEED,
    settings: fileContext(),
    queue: guaranteedDelivery,
  },
  'guaranteed-delivery-at-once': {
    title: `${GUARANTEED}, context written at once`,
    peer: GUARANTEED,
    settings: fileContext(0),
    queue: guaranteedDelivery,
  },
};

/** Where the package of a peer is installed, or would be. */
export function peerFolder(peer: string): string {
  return path.join(__dirname, 'node_modules', ...peer.split('/'));
}

/** The version of what is compared; undefined: it is not installed. */
export function versionOf({ peer, own }: CompareSubject): string | undefined {
  const folder =
    peer !== undefined
      ? peerFolder(peer)
      : own
        ? path.resolve(__dirname, '..', '..', '..')
        : path.dirname(require.resolve('node-red/package.json'));
  const file = path.join(folder, 'package.json');
  if (!fs.existsSync(file)) return undefined;
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { version: string }).version;
}
