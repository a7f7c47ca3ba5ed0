import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP relay that holds every byte back for a while: a link with a round-trip time, of unlimited bandwidth. */
export class DelayRelay {
  /** Milliseconds in each direction; half the round-trip time. */
  delayMs = 0;
  /** What the broker sends is thrown away. */
  mutesBroker = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly brokerPort: number) {
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(brokerPort: number): Promise<DelayRelay> {
    const relay = new DelayRelay(brokerPort);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends all connections, without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    const broker = connect(this.brokerPort, '127.0.0.1');
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.on('data', (chunk) => {
        if (this.mutesBroker && from === broker) return;
        if (this.delayMs === 0) to.write(chunk);
        else setTimeout(() => to.writable && to.write(chunk), this.delayMs);
      });
    }
  }
}
