import { join } from 'node:path';
import { Mosquitto } from '../../test/support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../../test/support/node-red-process';
import { Child } from '../child';
import { compare } from '../comparison';
import type { RoundResult } from '../contenders/contender';
import { withFolder } from '../folder';
import type { Benchmark, BenchmarkResult, Target } from '../result';

const PAYLOAD_BYTES = 200;
const OUTSTANDING = 1_000;
const CONTENDERS = ['ours', 'coreNodes'] as const;
type Contender = (typeof CONTENDERS)[number];

/** What the function nodes of the flow share: they are given the process's clocks and keep the round under way. */
const SETTINGS = 'module.exports.functionGlobalContext = { bench: { process, performance } };';

/**
 * Through a real Node-RED: from a function node through mqtt out to the broker's acknowledgement (`complete` node), and
 * from the broker through mqtt in to a function node. Node-RED's own nodes in one process, ours, with durability
 * `always`, in another.
 */
export const flow: Benchmark = async ({ quick }) => {
  const messages = quick ? 2_000 : 40_000;
  const pairs = quick ? 3 : 7;
  const ratios: Record<string, number> = {};
  const ranges: Record<string, [number, number]> = {};
  const table: BenchmarkResult['table'] = {};
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  try {
    await withFolder(async (path) => {
      const running = new Map<string, NodeRedProcess>();
      const publisher = new Child('bare');
      try {
        await publisher.ask({ type: 'connect', brokerUrl: broker.url });
        for (const name of CONTENDERS) {
          const flows = flowOf(name, broker.port, join(path, `${name}-store`));
          running.set(name, await startNodeRed(join(path, name), { flows, settingsCode: SETTINGS }));
        }
        for (const direction of ['out', 'in'] as const) {
          for (const qos of [1, 2] as const) {
            const round = async (name: string, count: number): Promise<RoundResult & { messages: number }> => {
              const url = running.get(name)?.url;
              const answer = ask(`${url}/bench/${direction}/${qos}?messages=${count}&outstanding=${OUTSTANDING}`);
              if (direction === 'in') {
                await ask(`${url}/bench/ready/${qos}?messages=1`);
                const topic = `bench/${name}/in/${qos}`;
                const what = { outstanding: 100, payloadBytes: PAYLOAD_BYTES, qos, topic };
                await publisher.round({ type: 'round', messages: count, ...what });
              }
              return { ...(await answer), messages: count };
            };
            for (const name of CONTENDERS) await round(name, messages / 2);
            const compared = await compare({ contenders: CONTENDERS, pairs, round: (name) => round(name, messages) });
            const label = `${direction}, QoS ${qos}`;
            ratios[`coreNodes, ${label}`] = compared.ratios?.coreNodes ?? Number.NaN;
            ranges[`coreNodes, ${label}`] = compared.ranges?.coreNodes ?? [Number.NaN, Number.NaN];
            for (const [name, row] of Object.entries(compared.table)) table[`${name}, ${label}`] = row;
          }
        }
      } finally {
        publisher.stop();
        for (const process of running.values()) await process.stop();
      }
    });
  } finally {
    await broker.remove();
  }
  const targets: Target[] = Object.entries(ratios).map(([name, value]) => ({
    what: `ratio to ${name}`,
    value,
    atLeast: 1,
  }));
  return {
    benchmark: 'flow',
    what: `Node-RED, ${PAYLOAD_BYTES} bytes, MQTT 3.1.1, out: ${OUTSTANDING} messages outstanding in the flow; ${messages} messages a round, ${pairs} interleaved pairs`,
    ratios,
    ranges,
    table,
    targets,
  };
};

async function ask(url: string): Promise<RoundResult> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as RoundResult;
}

/** Begins a round and puts the first messages under way. */
const START = `
const bench = global.get('bench');
const messages = Number(msg.req.query.messages);
const round = { messages, published: 0, acknowledged: 0, answer: msg, topic: env.get('TOPIC') };
bench[env.get('KEY')] = round;
round.payload = Buffer.alloc(${PAYLOAD_BYTES}, 'x');
round.cpu = bench.process.cpuUsage();
round.begin = bench.performance.now();
const first = [];
while (round.published < Math.min(messages, Number(msg.req.query.outstanding))) {
  round.published += 1;
  first.push({ topic: round.topic, payload: round.payload });
}
return env.get('DIRECTION') === 'out' ? [first] : undefined;
`;

/** Of what was acknowledged, or received: the next one, or the end of the round. */
const NEXT = `
const bench = global.get('bench');
const round = bench[env.get('KEY')];
if (round === undefined) return;
if (round.acknowledged === 0 && env.get('DIRECTION') === 'in') {
  round.cpu = bench.process.cpuUsage();
  round.begin = bench.performance.now();
}
round.acknowledged += 1;
if (round.acknowledged === round.messages) {
  const milliseconds = bench.performance.now() - round.begin;
  const { user, system } = bench.process.cpuUsage(round.cpu);
  return [undefined, { req: round.answer.req, res: round.answer.res, payload: { milliseconds, cpuMicroseconds: user + system } }];
}
if (env.get('DIRECTION') === 'out' && round.published < round.messages) {
  round.published += 1;
  return [{ topic: round.topic, payload: round.payload }];
}
`;

type FlowNode = { id: string; type: string } & Record<string, unknown>;

function flowOf(name: Contender, port: number, storePath: string): FlowNode[] {
  const isOurs = name === 'ours';
  const nodes: FlowNode[] = isOurs
    ? [
        { id: 'store', type: 'mqtt-session-store', path: storePath, durability: 'always' },
        {
          ...brokerOf(name, port),
          type: 'mqtt-persistent-broker',
          store: 'store',
          maxInflight: String(OUTSTANDING),
          brokerReceiveMaximum: String(OUTSTANDING),
        },
      ]
    : [{ ...brokerOf(name, port), type: 'mqtt-broker' }];
  for (const direction of ['out', 'in']) {
    for (const qos of ['1', '2']) nodes.push(...lane(name, direction, qos, isOurs));
  }
  return nodes;
}

function brokerOf(name: Contender, port: number): FlowNode {
  return {
    id: 'broker',
    type: '',
    broker: '127.0.0.1',
    port: String(port),
    clientid: `bench-${name}`,
    autoConnect: true,
    usetls: false,
    protocolVersion: '4',
    keepalive: '60',
    cleansession: false,
    autoUnsubscribe: true,
  };
}

/** A tab for one direction and QoS. */
function lane(name: Contender, direction: string, qos: string, isOurs: boolean): FlowNode[] {
  const tab = `${direction}${qos}`;
  const id = (part: string) => `${tab}-${part}`;
  const place = { z: tab, x: 100, y: 100 };
  const mqtt = (part: string) => (isOurs ? `mqtt-persistent-${part}` : `mqtt ${part}`);
  const topic = `bench/${name}/${direction}/${qos}`;
  const env = [
    { name: 'KEY', value: tab, type: 'str' },
    { name: 'DIRECTION', value: direction, type: 'str' },
    { name: 'TOPIC', value: topic, type: 'str' },
  ];
  const func = { type: 'function', outputs: 2, noerr: 0, initialize: '', finalize: '', libs: [] };
  const httpIn = { ...place, type: 'http in', method: 'get', upload: false };
  return [
    { id: tab, type: 'tab', label: tab, disabled: false, info: '', env },
    { ...httpIn, id: id('http'), url: `/bench/${direction}/${qos}`, wires: [[id('start')]] },
    { ...place, ...func, id: id('start'), func: START, wires: [[id('mqtt')], []] },
    { ...place, ...func, id: id('next'), func: NEXT, wires: [[id('mqtt')], [id('response')]] },
    { ...place, id: id('response'), type: 'http response', statusCode: '', headers: {}, wires: [] },
    ...(direction === 'out'
      ? [
          {
            ...place,
            id: id('mqtt'),
            type: mqtt('out'),
            topic: '',
            qos,
            retain: 'false',
            broker: 'broker',
            complete: 'acknowledged',
            wires: [],
          },
          { ...place, id: id('complete'), type: 'complete', scope: [id('mqtt')], wires: [[id('next')]] },
        ]
      : [
          // Asked after the round has begun: http requests are taken in their order.
          { ...httpIn, id: id('ready'), url: `/bench/ready/${qos}`, wires: [[id('ok')]] },
          {
            ...place,
            ...func,
            id: id('ok'),
            func: 'msg.payload = {}; return [undefined, msg];',
            wires: [[], [id('response')]],
          },
          {
            ...place,
            id: id('subscription'),
            type: mqtt('in'),
            topic,
            qos,
            datatype: 'buffer',
            broker: 'broker',
            inputs: 0,
            wires: [[id('next')]],
          },
        ]),
  ];
}
