import { connectAsync, type MqttClient } from 'mqtt';
import { serve } from './serve';

/** MQTT.js with its default store: everything in memory. */
let client: MqttClient | undefined;
const waiting: Promise<unknown>[] = [];

const protocolVersion = process.env.PROTOCOL === '5' ? 5 : 4;

serve({
  async connect(brokerUrl) {
    const properties = protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {};
    client = await connectAsync(brokerUrl, {
      clientId: `bench-mqttjs-${process.pid}`,
      clean: false,
      protocolVersion,
      ...properties,
    });
  },
  publish(topic, payload, qos, acknowledged) {
    client?.publish(topic, payload, { qos }, (error) => acknowledged(error ?? undefined));
  },
  async backlog(messages, payload, qos) {
    // Stays in its store, unanswered, until it is sent again on the next connection.
    for (let count = 0; count < messages; count++) {
      waiting.push(client?.publishAsync('bench/drain', payload, { qos }) ?? Promise.resolve());
    }
  },
  async drain(connected) {
    // It reconnects by itself, and says 'connect' only when its store is sent.
    client?.on('packetreceive', ({ cmd }) => {
      if (cmd === 'connack') connected();
    });
    await Promise.all(waiting);
  },
  async subscribe(topic, qos) {
    await client?.subscribeAsync(topic, { qos });
  },
  async leave() {
    await client?.endAsync();
  },
  async receive(messages) {
    await new Promise<void>((resolve) => {
      let count = 0;
      client?.on('message', () => {
        count += 1;
        if (count === messages) resolve();
      });
      client?.reconnect();
    });
  },
  async close() {
    await client?.endAsync();
  },
});
