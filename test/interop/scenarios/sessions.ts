// What a session outlives: lost networks, restarted brokers, killed processes, lost files.
import { Ledger } from '../../crash/harness/ledger';
import { LibraryProcess } from '../../support/library-process';
import { waitFor } from '../../support/wait';
import type { Actor, Stage } from '../stage';
import { forEachQoS, payloads, type Scenario } from './scenario';

const ROUNDS = 3;
const PER_ROUND = 100;
const OFFLINE_FEW = 100;
/** More than Mosquitto keeps for a client by default. */
const OFFLINE_MANY = 2_000;
const PER_SECOND = 200;
const SESSION_EXPIRY_S = 2;
const KILLS = 2;

/** Messages in both directions, and while they are under way something happens to the connection, again and again. */
async function disturbed(
  stage: Stage,
  qos: 1 | 2,
  rounds: number,
  happen: (actor: Actor) => Promise<void>,
): Promise<void> {
  const [out, inbound] = [`${stage.topic}/out`, `${stage.topic}/in`];
  const peer = await stage.listener(out, qos);
  const actor = await stage.actor({ subscriptions: [{ filter: inbound, qos }] });
  const sent: string[] = [];
  const fed: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const first = 1 + round * PER_ROUND;
    sent.push(...payloads('out', PER_ROUND, first));
    fed.push(...payloads('in', PER_ROUND, first));
    const published = fed.slice(-PER_ROUND).map((payload) => peer.publish(inbound, payload, qos));
    await Promise.all(sent.slice(-PER_ROUND).map((payload) => actor.publish(out, payload, qos)));
    await happen(actor);
    await Promise.all(published);
  }
  await stage.arrive(sent, () => peer.on(out).map(({ payload }) => payload), { once: qos === 2 });
  await stage.arrive(fed, () => actor.received.map(({ payload }) => payload), { once: qos === 2, inbound: true });
}

const networkLoss = forEachQoS([1, 2], (qos) => ({
  name: `network-loss-qos${qos}`,
  shows: `the network is lost ${ROUNDS} times with messages in flight in both directions: Session Present 1, nothing lost`,
  play: (stage) => disturbed(stage, qos, ROUNDS, (actor) => stage.cut(actor)),
}));

const brokerRestart = forEachQoS([1, 2], (qos) => ({
  name: `broker-restart-qos${qos}`,
  shows: 'the broker is restarted with messages in flight in both directions: Session Present 1, nothing lost',
  play: (stage) => disturbed(stage, qos, 1, (actor) => stage.restartBroker(actor)),
}));

const processKilled = forEachQoS([1, 2], (qos) => ({
  name: `process-killed-qos${qos}`,
  shows: `the client's process is killed ${KILLS} times (SIGKILL) with messages in flight in both directions: nothing lost`,
  play: async (stage) => {
    const { clientId, directory, version } = stage;
    const [out, inbound] = [`${stage.topic}/out`, `${stage.topic}/in`];
    const peer = await stage.listener(out, qos);
    const ledger = new Ledger(directory);
    const start = (generation: number, traffic: boolean) =>
      LibraryProcess.start({
        storePath: `${directory}/killed`,
        url: stage.url,
        clients: [
          { clientId, protocolVersion: version, maxReconnectDelayMs: 500, subscriptions: [{ filter: inbound, qos }] },
        ],
        traffic: traffic ? [{ clientId, topic: out, qos, perSecond: PER_SECOND, first: generation * 1_000_000 }] : [],
        doneFile: ledger.doneFile,
        receivedFile: ledger.receivedFile,
        generation,
      });
    const fed: number[] = [];
    let feeding: Promise<unknown>[] = [];
    for (let generation = 1; generation <= KILLS + 1; generation++) {
      const library = await start(generation, generation <= KILLS);
      try {
        await library.whenConnected(clientId);
        if (generation > 1 && library.sessionsPresent(clientId)[0] !== true) {
          stage.deviates('session-forgotten', `Session Present 0 in run ${generation}`);
        }
        if (generation > KILLS) {
          await Promise.all(feeding);
          await judgeKilled(stage, qos, ledger, fed, out, inbound, peer);
          await library.stop();
          return;
        }
        if (generation === 1) await subscribed(peer, ledger, inbound, qos);
        const before = ledger.refresh().done.length;
        feeding = [...feeding, ...feed(peer, inbound, qos, fed, generation * 1_000_000)];
        await waitFor(() => ledger.refresh().done.length > before + PER_ROUND, {
          what: 'messages in flight',
          timeoutMs: 20_000,
        });
      } finally {
        await stage.disturb(() => library.kill());
      }
    }
  },
}));

type Peer = Awaited<ReturnType<Stage['peer']>>;

/** Until a probe arrived: numbers below 1,000. */
async function subscribed(peer: Peer, ledger: Ledger, inbound: string, qos: 1 | 2): Promise<void> {
  let probe = 0;
  const arrived = async () => {
    await peer.publish(inbound, `{"seq":${probe++}}`, qos);
    return ledger.refresh().received.length > 0;
  };
  await waitFor(arrived, { what: 'the subscription', timeoutMs: 20_000, intervalMs: 200 });
}

function feed(peer: Peer, inbound: string, qos: 1 | 2, fed: number[], first: number): Promise<unknown>[] {
  return Array.from({ length: PER_ROUND }, (_unused, index) => {
    fed.push(first + index);
    return peer.publish(inbound, `{"seq":${first + index}}`, qos);
  });
}

async function judgeKilled(
  stage: Stage,
  qos: 1 | 2,
  ledger: Ledger,
  fed: number[],
  out: string,
  inbound: string,
  peer: Peer,
): Promise<void> {
  const observed = () => peer.on(out).map(({ payload }) => `${out} ${/"seq":(\d+)/.exec(payload)?.[1]}`);
  await stage.arrive(ledger.refresh().done, observed, { once: qos === 2 });
  // Into a flow a message may come a second time after a kill, and is marked then: not judged by `once`.
  const handedOver = () => ledger.refresh().received.map(({ key }) => key);
  await stage.arrive(
    fed.map((number) => `${inbound} ${number}`),
    handedOver,
    { once: false },
  );
  const seen = new Set<string>();
  for (const { key, sequence, redelivered } of ledger.received) {
    if (qos === 2 && seen.has(key) && !redelivered) {
      const name = stage.sentAgain(`{"seq":${sequence}}`) ? 'repeated' : 'doubled';
      stage.deviates(name, `${key} again, not marked as redelivered`);
    }
    seen.add(key);
  }
}

function offline(name: string, qos: 1 | 2, count: number): Scenario {
  return {
    name,
    shows: `${count} messages published while the client is away are handed over when it is back`,
    ...(qos === 2 && { needsQoS2: true as const }),
    play: async (stage) => {
      const actor = await stage.actor({ subscriptions: [{ filter: stage.topic, qos }] });
      await actor.client.disconnect();
      const peer = await stage.peer();
      const sent = payloads('offline', count);
      await Promise.all(sent.map((payload) => peer.publish(stage.topic, payload, qos)));
      await actor.ready();
      stage.requirePresent(actor);
      await stage.arrive(sent, () => actor.received.map(({ payload }) => payload), { once: qos === 2, inbound: true });
    },
  };
}

const expiry: Scenario = {
  name: 'session-expiry',
  shows: `a session with an expiry interval of ${SESSION_EXPIRY_S} s is there at once and gone after that time`,
  version: 5,
  play: async (stage) => {
    const actor = await stage.actor({
      sessionExpiryInterval: SESSION_EXPIRY_S,
      subscriptions: [{ filter: stage.topic, qos: 1 }],
    });
    await actor.client.disconnect();
    await actor.ready();
    stage.requirePresent(actor);
    await actor.client.disconnect();
    await new Promise((resolve) => setTimeout(resolve, (SESSION_EXPIRY_S + 2) * 1000));
    await actor.ready();
    if (actor.sessionsPresent.at(-1) === true) stage.deviates('session-kept', 'Session Present 1 after the interval');
    const peer = await stage.peer();
    await peer.publish(stage.topic, 'after', 1);
    await stage.arrive(['after'], () => actor.received.map(({ payload }) => payload), { once: false, inbound: true });
  },
};

/** QoS 2 of the highest level that the broker has. */
const adoption: Scenario = {
  name: 'adoption',
  shows:
    'without local files, the session that the broker kept is taken over: its queue is delivered, and new messages ' +
    'arrive once although the broker still holds identifiers of old ones',
  play: async (stage) => {
    const qos = stage.maximumQoS;
    const [out, inbound] = [`${stage.topic}/out`, `${stage.topic}/in`];
    const listener = await stage.listener(out, qos);
    const first = await stage.actor({ subscriptions: [{ filter: inbound, qos }] });
    // The broker gets PUBLISH, and its answers are lost: at QoS 2 it now holds the identifiers.
    const old = payloads('old', 10);
    stage.proxy.onPacket((direction, packet) =>
      direction === 'toClient' && (packet.cmd === 'puback' || packet.cmd === 'pubrec') ? 'drop' : 'forward',
    );
    await Promise.all(old.map((payload) => first.publish(out, payload, qos)));
    await waitFor(() => (stage.proxy.counters.toBroker.publish ?? 0) >= old.length, { what: 'PUBLISH at the broker' });
    await stage.disturb(async () => {
      await stage.proxy.refuse(true);
      stage.proxy.cut();
      await first.close();
      stage.proxy.checker.clientStateLost(stage.clientId);
    });
    stage.proxy.onPacket(undefined);
    await stage.proxy.refuse(false);
    const queued = payloads('queued', 20);
    await Promise.all(queued.map((payload) => listener.publish(inbound, payload, qos)));
    const second = await stage.actor({ subscriptions: [{ filter: inbound, qos }] });
    stage.requirePresent(second);
    await stage.arrive(queued, () => second.received.map(({ payload }) => payload), { once: qos === 2, inbound: true });
    const sent = payloads('new', 40);
    await Promise.all(sent.map((payload) => second.publish(out, payload, qos)));
    await stage.arrive(sent, () => listener.on(out).map(({ payload }) => payload), { once: qos === 2 });
  },
};

export const sessionScenarios: readonly Scenario[] = [
  ...networkLoss,
  ...processKilled,
  offline('offline-queue-qos1', 1, OFFLINE_FEW),
  offline('offline-queue-qos2', 2, OFFLINE_FEW),
  offline('offline-queue-2000', 1, OFFLINE_MANY),
  expiry,
  adoption,
  // Last: a broker without a disk forgets everything.
  ...brokerRestart,
];
