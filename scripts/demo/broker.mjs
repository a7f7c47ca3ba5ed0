// The MQTT broker of the demo (3.1.1). It lives in the launcher, so that its sessions outlive both "broker off", which
// closes only the listener and the connections, and every kill of Node-RED.
import * as net from 'node:net';
import { Aedes } from 'aedes';
import { listen, listenFrom } from './ports.mjs';

export class DemoBroker {
  #aedes;
  #server = net.createServer();
  #sockets = new Set();
  #port;

  /** Use `DemoBroker.start`. */
  constructor(aedes) {
    this.#aedes = aedes;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      aedes.handle(socket);
    });
  }

  /** Listens on 127.0.0.1 at `port` or the next free one. */
  static async start(port) {
    // No limit on open QoS 2 messages: 3.1.1 has no way to tell the client, aedes could only drop the connection.
    const broker = new DemoBroker(await Aedes.createBroker({ maxInflightInbound: 0 }));
    broker.#port = await listenFrom(broker.#server, port);
    return broker;
  }

  get port() {
    return this.#port;
  }

  get isOn() {
    return this.#server.listening;
  }

  /** Subscribes inside the broker: `listener` gets each payload that the broker accepts on that topic, also the second
   * one of a message that comes twice. */
  subscribe(topic, listener) {
    return new Promise((resolve, reject) => {
      const deliver = ({ payload }, done) => {
        listener(payload);
        done();
      };
      this.#aedes.subscribe(topic, deliver, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Answers whether it was on. */
  async off() {
    if (!this.isOn) {
      return false;
    }
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await closed;
    return true;
  }

  /** Answers whether it was off. Rejects when another program took the port meanwhile. */
  async on() {
    if (this.isOn) {
      return false;
    }
    await listen(this.#server, this.#port);
    return true;
  }

  async close() {
    await this.off();
    await new Promise((resolve) => this.#aedes.close(resolve));
  }
}
