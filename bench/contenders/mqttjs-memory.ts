import { connectAsync, type MqttClient } from 'mqtt';
import { serve } from './serve';

/** MQTT.js with its default store: everything in memory. */
let client: MqttClient | undefined;

serve({
  async connect(brokerUrl) {
    client = await connectAsync(brokerUrl, { clientId: 'bench-mqttjs', clean: false, protocolVersion: 4 });
  },
  publish(topic, payload, qos, acknowledged) {
    client?.publish(topic, payload, { qos }, (error) => acknowledged(error ?? undefined));
  },
  async close() {
    await client?.endAsync();
  },
});
