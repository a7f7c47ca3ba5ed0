// Messages over a connection that holds.
import { waitFor } from '../../support/wait';
import { forEachQoS, payloads, type Scenario } from './scenario';

const CONNECT_TIMEOUT_MS = 30_000;
const FEW = 20;
/** Above what brokers keep for a client by default (Mosquitto: 20 in flight, 1,000 queued). */
const MANY = 2_000;
const LARGE_BYTES = 1_000_000;

export const connect: Scenario = {
  name: 'connect',
  shows: 'the broker takes a connection of this version',
  play: async (stage) => {
    const actor = await stage.actor({ connect: false });
    actor.client.connect();
    await waitFor(() => actor.client.connected || stage.deviations.length > 0, {
      what: 'an answer to CONNECT',
      timeoutMs: CONNECT_TIMEOUT_MS,
    });
    if (!actor.client.connected) stage.deviates('version-refused', 'no connection');
  },
};

const publish = forEachQoS(
  [0, 1, 2],
  (qos) => ({
    name: `publish-qos${qos}`,
    shows: `${FEW} messages at QoS ${qos} reach a subscriber, with their QoS and in order`,
    play: async (stage) => {
      const listener = await stage.listener(stage.topic, qos);
      const actor = await stage.actor();
      const sent = payloads('out', FEW);
      await Promise.all(sent.map((payload) => actor.publish(stage.topic, payload, qos)));
      await stage.arrive(sent, () => listener.on(stage.topic).map(({ payload }) => payload), { once: qos !== 1 });
      const lowered = listener.on(stage.topic).filter((message) => message.qos < qos);
      if (lowered.length > 0) stage.deviates('qos-lowered', `arrived with QoS ${lowered[0]?.qos}`);
    },
  }),
  { evenIfLowered: true },
);

const receive = forEachQoS(
  [0, 1, 2],
  (qos) => ({
    name: `receive-qos${qos}`,
    shows: `${FEW} messages at QoS ${qos} are handed over, with their QoS and in order`,
    play: async (stage) => {
      const actor = await stage.actor({ subscriptions: [{ filter: stage.topic, qos }] });
      const peer = await stage.peer();
      const sent = payloads('in', FEW);
      // What the peer can publish to any broker: how QoS 2 is taken from a publisher is shown by publish-qos2.
      const published = Math.min(qos, stage.maximumQoS) as 0 | 1 | 2;
      await Promise.all(sent.map((payload) => peer.publish(stage.topic, payload, published)));
      await stage.arrive(sent, () => actor.received.map(({ payload }) => payload), { once: qos !== 1, inbound: true });
      const lowered = actor.received.filter((message) => message.qos < qos);
      if (lowered.length > 0) stage.deviates('qos-lowered', `arrived with QoS ${lowered[0]?.qos}`);
    },
  }),
  { evenIfLowered: true },
);

const backlog = forEachQoS([1, 2], (qos) => ({
  name: `backlog-qos${qos}`,
  shows: `${MANY} messages queued while offline go out through the limits of the broker`,
  play: async (stage) => {
    const listener = await stage.listener(stage.topic, qos);
    const actor = await stage.actor({ connect: false });
    const sent = payloads('out', MANY);
    await Promise.all(sent.map((payload) => actor.publish(stage.topic, payload, qos)));
    await actor.ready();
    await stage.arrive(sent, () => listener.on(stage.topic).map(({ payload }) => payload), { once: qos === 2 });
  },
}));

const large: Scenario = {
  name: 'large-message',
  shows: `a message of ${LARGE_BYTES} bytes arrives in both directions`,
  play: async (stage) => {
    const [out, inbound] = [`${stage.topic}/out`, `${stage.topic}/in`];
    const listener = await stage.listener(out, 1);
    const actor = await stage.actor({ subscriptions: [{ filter: inbound, qos: 1 }] });
    const payload = 'x'.repeat(LARGE_BYTES);
    const lengths = (messages: { payload: string }[]) => messages.map((message) => String(message.payload.length));
    await listener.publish(inbound, payload, 1);
    await stage.arrive([String(LARGE_BYTES)], () => lengths(actor.received), { once: false });
    await actor.publish(out, payload, 1);
    await stage.arrive([String(LARGE_BYTES)], () => lengths(listener.on(out)), { once: false });
  },
};

export const deliveryScenarios: readonly Scenario[] = [...publish, ...receive, ...backlog, large];
