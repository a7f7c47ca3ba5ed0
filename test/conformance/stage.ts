import * as assert from 'node:assert/strict';
import type { SessionClient } from '../../src/client/session-client';
import type { ConnectionEnd } from '../../src/connection/types';
import type { SessionError } from '../../src/errors';
import type { Report } from '../../src/session/effects';
import { type Bed, type ClientSettings, message, request } from '../client/bed';
import { ManualScheduler } from '../support/manual-scheduler';
import { waitFor } from '../support/wait';
import { delivery, HostileBroker, SaneSession, type Side, type Version } from './hostile-broker';

/** Published before there is a connection, in this order, at QoS 1, 2, 1, 2. */
export const BACKLOG = ['first', 'second', 'third', 'fourth'] as const;

/** A client with a backlog, and a broker that it must survive. Time moves only between two connections. */
export class Stage {
  readonly ends: ConnectionEnd[] = [];
  readonly reports: Report[] = [];
  readonly delivered: string[] = [];
  readonly #scheduler: ManualScheduler;

  private constructor(
    readonly broker: HostileBroker,
    readonly client: SessionClient,
    scheduler: ManualScheduler,
  ) {
    this.#scheduler = scheduler;
    client.on('disconnected', (end) => this.ends.push(end));
    client.on('report', (report) => this.reports.push(report));
  }

  static async open(
    bed: Bed,
    version: Version,
    options: Omit<ClientSettings, 'url' | 'protocolVersion' | 'environment'> = {},
  ): Promise<Stage> {
    const broker = await HostileBroker.listen(version);
    bed.after(() => broker.close());
    const scheduler = new ManualScheduler();
    const client = await bed.client({
      protocolVersion: version,
      url: broker.url,
      ...options,
      environment: { scheduler, random: () => 0 },
    });
    const stage = new Stage(broker, client, scheduler);
    await client.open();
    client.subscribe('flow', request('in/#', 2), (received) => {
      stage.delivered.push(received.payload.toString());
    });
    for (const [index, payload] of BACKLOG.entries()) {
      await client.publish(message(payload, { topic: 'out', qos: index % 2 === 0 ? 1 : 2 }), { until: 'stored' });
    }
    client.connect();
    return stage;
  }

  /** The next connection, as soon as the client makes it. */
  async connection(): Promise<Side> {
    await waitFor(
      () => {
        const { state } = this.client;
        if (state.kind === 'open' && state.link.kind === 'waiting') this.#scheduler.advance(1_000);
        return this.broker.isAsked;
      },
      { what: 'the next connection', intervalMs: 1, detail: () => JSON.stringify(this.client.state) },
    );
    return this.broker.connection();
  }

  /** A connection that was accepted, with the subscription granted and the first PUBLISH there. */
  async ready(options: { sessionPresent?: boolean; properties?: object } = {}): Promise<Side> {
    const side = await this.connection();
    side.accept(options);
    const { messageId = 0 } = await side.next('subscribe');
    side.send({ cmd: 'suback', messageId, granted: [2] });
    return side;
  }

  /** The connection ended, and why. */
  async ended(): Promise<ConnectionEnd> {
    return waitFor(() => this.ends.shift(), { what: 'the end of the connection', intervalMs: 1 });
  }

  /** As `ended`, because the broker broke the protocol. In MQTT 5 the broker is told by DISCONNECT. */
  async endedByViolation(side: Side, reasonCode: number, words: RegExp): Promise<void> {
    const end = await this.ended();
    assert.equal(end.kind, 'protocol-error', end.error?.message);
    assert.equal((end.error as SessionError).code, 'ERR_BROKER_PROTOCOL');
    assert.match(String(end.error?.message), words);
    await side.gone();
    const last = side.log.at(-1);
    if (side.version === 5) {
      assert.equal(last?.cmd, 'disconnect');
      assert.equal((last as { reasonCode?: number }).reasonCode, reasonCode);
    } else {
      assert.notEqual(last?.cmd, 'disconnect');
    }
  }

  /**
   * A broker that keeps the rules takes over: everything in `expected` is delivered to it in this order, a message of it
   * reaches the flow at each QoS, and nothing is left. `patient`: time moves on meanwhile.
   */
  async recovers(
    expected: readonly string[] = BACKLOG,
    { sessionPresent = false, broker = new SaneSession(), patient = false } = {},
  ): Promise<SaneSession> {
    const delivered = this.delivered.length;
    const side = await this.connection();
    broker.serve(side, { sessionPresent });
    const isEmpty = () => {
      // What suspects the messages themselves waits for quiet before it sends one.
      if (patient) this.#scheduler.advance(1_000);
      return this.client.stored.count === 0;
    };
    await waitFor(isEmpty, {
      what: 'an empty queue',
      intervalMs: patient ? 25 : 1,
      detail: () => `${broker.taken.join(' ')}; ${side.log.map(({ cmd }) => cmd).join(' ')}`,
    });
    assert.deepEqual(broker.taken, expected);
    broker.send(delivery(1, 501, 'sane 1'), delivery(2, 502, 'sane 2'), delivery(0, 0, 'sane 0'));
    await waitFor(() => broker.acknowledged.length >= 2 && this.delivered.length >= delivered + 3, {
      what: 'inbound messages',
      intervalMs: 1,
    });
    assert.deepEqual(this.delivered.slice(delivered), ['sane 1', 'sane 2', 'sane 0']);
    assert.deepEqual(broker.acknowledged, ['PUBACK 501', 'PUBCOMP 502']);
    this.broker.rules.assertClean();
    return broker;
  }
}
