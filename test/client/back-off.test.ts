import * as assert from 'node:assert/strict';
import { Link } from '../../src/client/link';
import type { Connect, ConnectionEnd, ConnectionEvents } from '../../src/connection/types';
import { limits } from '../session/harness';
import { ManualScheduler } from '../support/manual-scheduler';

const CLOSED: ConnectionEnd = { kind: 'closed' };

/** A link whose connections are made and ended by hand. */
class Wire {
  readonly scheduler = new ManualScheduler();
  attempts = 0;
  #events: ConnectionEvents | undefined;
  readonly #connect: Connect = (_options, events) => {
    this.attempts += 1;
    this.#events = events;
    return {
      bufferedBytes: 0,
      bytes: { sent: 0, received: 0 },
      messages: { sent: 0, resent: 0, received: 0 },
      send: () => undefined,
      flush: () => undefined,
      end: () => undefined,
    };
  };
  readonly link = new Link(
    this.#connect,
    () => ({}) as never,
    {
      up: () => undefined,
      packets: () => undefined,
      congested: () => undefined,
      down: () => undefined,
      state: () => undefined,
    },
    this.scheduler,
    // The whole of each step.
    () => 1 - Number.EPSILON,
    30_000,
  );

  up(): void {
    this.#events?.up(limits(), { sessionPresent: false, reasonCode: 0 } as never);
  }

  /** The connection or attempt ends. @returns milliseconds until the next attempt. */
  end(how: ConnectionEnd = CLOSED): number {
    const before = this.attempts;
    this.#events?.down(how);
    const { state } = this.link;
    assert.equal(state.kind, 'waiting');
    const delayMs = state.kind === 'waiting' ? state.retryAt - this.scheduler.now() : 0;
    this.scheduler.advance(delayMs);
    assert.equal(this.attempts, before + 1);
    return delayMs;
  }
}

describe('the pause before the next connection', () => {
  it('grows although each is accepted, as long as none has proved good', () => {
    const wire = new Wire();
    wire.link.start();
    const delays: number[] = [];
    for (let round = 0; round < 3; round++) {
      wire.up();
      // Longer than two clients with one id leave each other.
      wire.scheduler.advance(6_000);
      delays.push(wire.end());
    }
    assert.deepEqual(delays, [1_000, 2_000, 4_000]);
  });

  it('begins anew when the broker has acknowledged something', () => {
    const wire = new Wire();
    wire.link.start();
    assert.deepEqual([wire.end(), wire.end(), wire.end()], [1_000, 2_000, 4_000]);
    wire.up();
    wire.link.proven();
    assert.equal(wire.end(), 1_000);
  });

  it('begins anew when a connection has stood for 30 s', () => {
    const wire = new Wire();
    wire.link.start();
    assert.deepEqual([wire.end(), wire.end()], [1_000, 2_000]);
    wire.up();
    wire.scheduler.advance(29_999);
    assert.equal(wire.end(), 4_000);
    wire.up();
    wire.scheduler.advance(30_000);
    assert.equal(wire.end(), 1_000);
  });

  it('comes after a refusal as after any other end: it is tried again', () => {
    const wire = new Wire();
    wire.link.start();
    const refused: ConnectionEnd = { kind: 'refused', reasonCode: 0x87 };
    assert.deepEqual([wire.end(refused), wire.end(refused)], [1_000, 2_000]);
    assert.equal(wire.link.counters.failures, 2);
  });

  it('is not shortened by acknowledgements while another client seems to use the client id', () => {
    const wire = new Wire();
    wire.link.start();
    for (let round = 0; round < 3; round++) {
      assert.equal(wire.link.contested, false);
      wire.up();
      wire.end();
    }
    assert.equal(wire.link.contested, true);
    wire.up();
    wire.link.proven();
    assert.equal(wire.end(), 8_000);
    wire.up();
    wire.scheduler.advance(30_000);
    assert.equal(wire.link.contested, false);
    assert.equal(wire.end(), 1_000);
  });
});
