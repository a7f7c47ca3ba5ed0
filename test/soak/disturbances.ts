import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../crash/harness/random';
import type { Mosquitto } from '../support/mosquitto';
import type { MqttProxy } from '../support/proxy';

const PAUSE_MS = { min: 2_000, max: 8_000 };
const OUTAGE_MS = { min: 0, max: 2_000 };

/** Cuts the network and restarts the broker at random times, until it is stopped. */
export class Disturbances {
  readonly counts = { cuts: 0, outages: 0, brokerRestarts: 0 };
  #stopped = false;
  readonly #ended: Promise<void>;

  constructor(
    private readonly broker: Mosquitto,
    private readonly proxy: MqttProxy,
    private readonly random: Random,
  ) {
    this.#ended = this.#run();
    // Reported by `stop`.
    this.#ended.catch(() => undefined);
  }

  /** Resolves when the last one is over, and everything is as it was. Rejects when one went wrong. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#pause(this.random.between(PAUSE_MS.min, PAUSE_MS.max));
      if (this.#stopped) return;
      const length = this.random.between(OUTAGE_MS.min, OUTAGE_MS.max);
      const kind = this.random.between(0, 2);
      if (kind === 0) {
        this.proxy.cut();
        this.counts.cuts++;
      } else if (kind === 1) {
        await this.proxy.refuse(true);
        this.proxy.cut();
        await sleep(length);
        await this.proxy.refuse(false);
        this.counts.outages++;
      } else {
        await this.broker.stop();
        await sleep(length);
        await this.broker.start();
        this.counts.brokerRestarts++;
      }
    }
  }

  /** Ends early when it is stopped. */
  async #pause(milliseconds: number): Promise<void> {
    const until = performance.now() + milliseconds;
    while (!this.#stopped && performance.now() < until) await sleep(Math.min(100, until - performance.now()));
  }
}
