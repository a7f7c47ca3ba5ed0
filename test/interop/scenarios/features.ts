// What else a broker does with messages.
import type { MessageProperties } from '../../../src';
import { waitFor } from '../../support/wait';
import { payloads, type Scenario } from './scenario';

const ARRIVAL_TIMEOUT_MS = 10_000;

const wildcards: Scenario = {
  name: 'wildcards',
  shows: 'filters with + and # get what they match, and nothing else',
  play: async (stage) => {
    const { topic } = stage;
    const subscriptions = [
      { filter: `${topic}/+/value`, qos: 1 as const },
      { filter: `${topic}/all/#`, qos: 1 as const },
    ];
    const actor = await stage.actor({ subscriptions });
    const peer = await stage.peer();
    const matching = ['one/value', 'two/value', 'all', 'all/deep/er'];
    const other = ['one', 'one/two/value', 'alle'];
    for (const level of [...other, ...matching]) await peer.publish(`${topic}/${level}`, level, 1);
    await stage.arrive(matching, () => actor.received.map(({ payload }) => payload), { once: false, inbound: true });
    const wrong = actor.received.filter(({ payload }) => other.includes(payload));
    if (wrong.length > 0) stage.deviates('changed', `got ${wrong.map((message) => message.topic).join(', ')}`);
  },
};

const topics: Scenario = {
  name: 'topic-names',
  shows: 'topics with a dot, a space, an empty level and letters of other scripts come through as they are',
  play: async (stage) => {
    const names = ['a.b', 'a b', 'a//b', 'größe', '温度'].map((name) => `${stage.topic}/${name}`);
    // Each with a client of its own: what a broker does to one topic must not take the next with it.
    for (const [index, name] of names.entries()) {
      const actor = await stage.actor({
        clientId: `${stage.clientId}-${index}`,
        subscriptions: [{ filter: `${stage.topic}/#`, qos: 1 }],
      });
      const got = () => actor.received.find(({ payload }) => payload === name);
      await actor.publish(name, name, 1);
      await waitFor(got, { what: name, timeoutMs: ARRIVAL_TIMEOUT_MS }).catch(() => stage.deviates('missing', name));
      const message = got();
      if (message !== undefined && message.topic !== name)
        stage.deviates('changed', `${name} came as ${message.topic}`);
      await actor.close();
    }
  },
};

const retained: Scenario = {
  name: 'retained',
  shows: 'a retained message meets later subscribers, until it is cleared',
  play: async (stage) => {
    const actor = await stage.actor();
    await actor.client.publish(
      { topic: stage.topic, payload: Buffer.from('kept'), qos: 1, retain: true },
      { until: 'acknowledged' },
    );
    const first = await stage.listener(stage.topic, 1);
    await stage.arrive(['kept'], () => first.on(stage.topic).map(({ payload }) => payload), { once: true });
    if (first.on(stage.topic).some(({ retain }) => !retain)) stage.deviates('changed', 'came without the retain flag');
    await actor.client.publish(
      { topic: stage.topic, payload: Buffer.alloc(0), qos: 1, retain: true },
      { until: 'acknowledged' },
    );
    const second = await stage.listener(stage.topic, 1);
    await second.publish(stage.topic, 'new', 1);
    await stage.arrive(['new'], () => second.on(stage.topic).map(({ payload }) => payload), { once: true });
    if (second.on(stage.topic).some(({ payload }) => payload === 'kept')) stage.deviates('changed', 'was not cleared');
  },
};

const shared: Scenario = {
  name: 'shared-subscription',
  version: 5,
  shows: 'two clients with one shared subscription get each message once between them',
  play: async (stage) => {
    const subscriptions = [{ filter: `$share/group/${stage.topic}`, qos: 1 as const }];
    const actors = [
      await stage.actor({ subscriptions, clientId: `${stage.clientId}-a` }),
      await stage.actor({ subscriptions, clientId: `${stage.clientId}-b` }),
    ];
    if (stage.deviations.length > 0) return;
    const peer = await stage.peer();
    const sent = payloads('shared', 40);
    for (const payload of sent) await peer.publish(stage.topic, payload, 1);
    const received = () => actors.flatMap((actor) => actor.received.map(({ payload }) => payload));
    await stage.arrive(sent, () => [...received()].sort((a, b) => sent.indexOf(a) - sent.indexOf(b)), { once: true });
  },
};

const will: Scenario = {
  name: 'will',
  shows: 'the will is published when the network is lost, and not after a disconnect',
  play: async (stage) => {
    const listener = await stage.listener(`${stage.topic}/#`, 1);
    const settings = (name: string) => ({
      clientId: `${stage.clientId}-${name}`,
      will: { topic: `${stage.topic}/${name}`, payload: Buffer.from(name), qos: 1 as const, retain: false },
    });
    const leaving = await stage.actor(settings('left'));
    await leaving.close();
    await stage.actor(settings('lost'));
    await stage.disturb(async () => {
      await stage.proxy.refuse(true);
      stage.proxy.cut();
      await stage.arrive(['lost'], () => listener.messages.map(({ payload }) => payload), { once: true });
      await stage.proxy.refuse(false);
    });
    if (listener.messages.some(({ payload }) => payload === 'left'))
      stage.deviates('changed', 'a will after DISCONNECT');
  },
};

const properties: Scenario = {
  name: 'properties',
  shows: 'the properties of a message of MQTT 5 arrive as they were sent',
  version: 5,
  play: async (stage) => {
    const sent: MessageProperties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      responseTopic: `${stage.topic}/answer`,
      correlationData: Buffer.from([1, 2, 3]),
      userProperties: { unit: '°C', origin: ['a', 'b'] },
    };
    const actor = await stage.actor({ subscriptions: [{ filter: stage.topic, qos: 1 }] });
    await actor.publish(stage.topic, 'with properties', 1, { properties: sent });
    await stage.arrive(['with properties'], () => actor.received.map(({ payload }) => payload), {
      once: false,
      inbound: true,
    });
    const got: Record<string, unknown> = { ...actor.received[0]?.properties };
    for (const [name, value] of Object.entries(sent)) {
      const [wanted, came] = [JSON.stringify(value), JSON.stringify(got[name])];
      if (actor.received.length > 0 && came !== wanted) {
        stage.deviates('changed', `${name}: ${wanted} came as ${came}`);
      }
    }
  },
};

export const featureScenarios: readonly Scenario[] = [wildcards, topics, retained, shared, will, properties];
