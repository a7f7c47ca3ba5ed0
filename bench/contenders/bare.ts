import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';
import { serve } from './serve';

/** A sender that stores nothing and checks nothing: `mqtt-packet` on a socket. What a client can reach at best. */
const LAST_IDENTIFIER = 65_535;
let socket: Socket | undefined;
let identifier = 0;
const waiting = new Map<number, (error?: Error) => void>();
let batch: Buffer[] = [];

function write(packet: Packet): void {
  if (batch.length === 0) queueMicrotask(flush);
  batch.push(generate(packet));
}

function flush(): void {
  socket?.write(Buffer.concat(batch));
  batch = [];
}

function received(packet: Packet): void {
  if (packet.cmd === 'pubrec') write({ cmd: 'pubrel', messageId: packet.messageId ?? 0 } as Packet);
  if (packet.cmd !== 'puback' && packet.cmd !== 'pubcomp') return;
  const acknowledged = waiting.get(packet.messageId ?? 0);
  waiting.delete(packet.messageId ?? 0);
  acknowledged?.();
}

serve({
  async connect(brokerUrl) {
    const { hostname, port } = new URL(brokerUrl);
    socket = connectSocket(Number(port), hostname);
    await once(socket, 'connect');
    const packets = parser({ protocolVersion: 4 });
    const connack = new Promise<void>((resolve) => packets.once('packet', () => resolve()));
    socket.on('data', (chunk) => packets.parse(chunk));
    write({
      cmd: 'connect',
      clientId: 'bench-bare',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: false,
      keepalive: 0,
    });
    await connack;
    packets.on('packet', received);
  },
  publish(topic, payload, qos, acknowledged) {
    do identifier = identifier === LAST_IDENTIFIER ? 1 : identifier + 1;
    while (waiting.has(identifier));
    waiting.set(identifier, acknowledged);
    write({ cmd: 'publish', topic, payload, qos, messageId: identifier, dup: false, retain: false });
  },
  async close() {
    socket?.destroy();
  },
});
