import * as assert from 'node:assert/strict';
import { createConnect } from '../../src/connection/connection';
import { KeepAlive } from '../../src/connection/keep-alive';
import { waitFor } from '../support/wait';
import { FakeTimers } from './fake-timers';
import { Recorder } from './recorder';
import { connack, ScriptedBroker } from './scripted-broker';

const KEEPALIVE_SECONDS = 60;

/** A keep-alive, the counters it watches, and a link on which time passes second by second. */
class Link {
  readonly timers = new FakeTimers();
  readonly traffic = { receivedBytes: 0, acceptedBytes: 0, takenBytes: 0, confirmedBytes: 0, largestBytes: 0 };
  readonly pings: number[] = [];
  deadAt: number | undefined;
  seconds = 0;
  readonly keepAlive = new KeepAlive(this.timers, this.traffic, {
    ping: () => {
      this.pings.push(this.seconds);
      this.traffic.acceptedBytes += 2;
      this.onPing();
    },
    halfOpen: () => {
      this.deadAt = this.seconds;
    },
  });

  constructor(keepaliveSeconds = KEEPALIVE_SECONDS) {
    this.keepAlive.start(keepaliveSeconds);
  }

  /** What becomes of a PINGREQ. Default: taken by the operating system, never answered. */
  onPing = () => {
    this.traffic.takenBytes = this.traffic.acceptedBytes;
  };

  answerPings(): void {
    this.onPing = () => {
      this.traffic.takenBytes = this.traffic.acceptedBytes;
      this.traffic.confirmedBytes = this.traffic.acceptedBytes;
      this.traffic.receivedBytes += 2;
    };
  }

  pass(seconds: number, each: () => void = () => undefined): void {
    for (let second = 0; second < seconds && this.deadAt === undefined; second++) {
      each();
      this.seconds++;
      this.timers.advance(1_000);
    }
  }
}

describe('keep-alive', () => {
  it('sends PINGREQ on an idle link, never later than keep alive after the last packet', () => {
    const link = new Link();
    link.answerPings();
    link.pass(600);
    assert.equal(link.deadAt, undefined);
    const gaps = link.pings.map((second, index) => second - (link.pings[index - 1] ?? 0));
    assert.ok(gaps.length >= 10);
    assert.ok(
      gaps.every((gap) => gap > 30 && gap <= KEEPALIVE_SECONDS),
      gaps.join(),
    );
  });

  it('notices an idle half-open link 1.5 times keep alive after its last sign of life', () => {
    const link = new Link();
    link.pass(300);
    assert.equal(link.deadAt, 90);
    assert.ok(link.pings.length > 0);
    assert.equal(link.timers.pending, 0);
  });

  it('notices it within seconds when keep alive is short, but gives an answer 2 s', () => {
    const link = new Link(1);
    link.pass(60);
    assert.equal(link.deadAt, 3);
  });

  it('sends PINGREQ for a subscriber that only receives', () => {
    const link = new Link();
    link.pass(300, () => {
      link.traffic.receivedBytes += 1_000;
    });
    assert.ok(link.pings.length >= 5);
    assert.equal(link.deadAt, undefined);
  });

  it('sends none while acknowledgements are sent and something is received', () => {
    const link = new Link();
    link.pass(300, () => {
      link.traffic.receivedBytes += 1_000;
      link.traffic.acceptedBytes += 4;
      link.traffic.takenBytes += 4;
    });
    assert.deepEqual(link.pings, []);
  });

  it('asks when it sends all the time and hears nothing (QoS 0), and goes on when it is answered', () => {
    const link = new Link();
    link.answerPings();
    link.pass(600, () => {
      link.traffic.acceptedBytes += 1_000;
      link.traffic.takenBytes += 1_000;
    });
    assert.ok(link.pings.length >= 8, link.pings.join());
    assert.equal(link.deadAt, undefined);
  });

  it('notices a half-open link although it sends all the time', () => {
    const link = new Link();
    link.pass(1_000, () => {
      link.traffic.acceptedBytes += 100;
      link.traffic.takenBytes += 100;
    });
    assert.ok(link.deadAt !== undefined && link.deadAt >= 90 && link.deadAt <= 120, String(link.deadAt));
  });

  it('leaves a 64 kbit/s link alive with 1 MB in front of PINGREQ, all in the buffers of the operating system', () => {
    const link = new Link();
    link.traffic.acceptedBytes = 1_048_576;
    link.traffic.takenBytes = 1_048_576;
    let delivered = 0;
    let answered = 0;
    link.pass(400, () => {
      delivered = Math.min(link.traffic.takenBytes, delivered + 8_000);
      if (delivered < 1_048_576 || answered === link.pings.length) return;
      answered = link.pings.length;
      link.traffic.receivedBytes += 2;
      link.traffic.confirmedBytes = delivered;
    });
    assert.equal(link.deadAt, undefined);
    assert.ok(answered > 0);
  });

  it('leaves a link alive whose buffered bytes still move, and notices when they stop', () => {
    const link = new Link();
    link.traffic.acceptedBytes = 100_000_000;
    link.onPing = () => undefined;
    link.pass(3_600, () => {
      link.traffic.takenBytes += 8_000;
    });
    assert.equal(link.deadAt, undefined);
    // As much as the operating system may hold unconfirmed is given time; for ever is not.
    link.pass(3_600);
    assert.ok(link.deadAt !== undefined && link.deadAt > 3_690, String(link.deadAt));
  });

  it('does nothing when keep alive is 0', () => {
    const link = new Link(0);
    assert.equal(link.timers.pending, 0);
  });

  describe('on a connection', function () {
    this.timeout(20_000);
    let broker: ScriptedBroker;
    let client: Recorder | undefined;
    beforeEach(async () => {
      broker = await ScriptedBroker.listen(5);
    });
    afterEach(async () => {
      await client?.close();
      await broker.close();
    });

    async function openUp(timers: FakeTimers, properties?: Record<string, unknown>) {
      client = new Recorder({ url: broker.url, protocolVersion: 5, keepalive: 60 }, createConnect(timers));
      const side = await broker.accept();
      await side.next('connect');
      side.send(connack(5, properties));
      await client.waitUp();
      return { client, side };
    }

    it('pings, and is content with the answer', async () => {
      const timers = new FakeTimers();
      const { client, side } = await openUp(timers);
      for (let round = 0; round < 4; round++) {
        timers.advance(60_000);
        await side.next('pingreq');
        const { received } = client.connection.bytes;
        side.send({ cmd: 'pingresp' });
        await waitFor(() => client.connection.bytes.received > received, { what: 'PINGRESP' });
      }
      assert.deepEqual(client.calls, ['up']);
    });

    it('goes down with "ping-timeout" when the broker answers nothing', async () => {
      const timers = new FakeTimers();
      const { client, side } = await openUp(timers);
      timers.advance(45_000);
      await side.next('pingreq');
      await waitFor(() => client.connection.bufferedBytes === 0, { what: 'PINGREQ to be on its way' });
      timers.advance(44_999);
      assert.deepEqual(client.calls, ['up']);
      timers.advance(1);
      const end = await client.waitDown();
      assert.equal(end.kind, 'ping-timeout');
      assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_SILENT');
      await waitFor(() => side.closed, { what: 'the connection to be closed' });
      assert.equal(timers.pending, 0);
    });

    it('uses the keep alive of the server (MQTT-3.1.2-21 (5.0))', async () => {
      const timers = new FakeTimers();
      const { client } = await openUp(timers, { serverKeepAlive: 10 });
      timers.advance(15_000);
      const end = await client.waitDown();
      assert.equal(end.kind, 'ping-timeout');
      assert.match(String(end.error?.message), /keep alive of 10 s/);
    });

    it('counts an acknowledgement as proof that everything before it arrived', async () => {
      const timers = new FakeTimers();
      const { client, side } = await openUp(timers);
      const message = { cmd: 'publish', topic: 't', qos: 1, retain: false, dup: false } as const;
      client.connection.send({ ...message, payload: Buffer.alloc(400_000), messageId: 1 });
      client.connection.flush();
      await side.next('publish');
      side.send({ cmd: 'puback', messageId: 1 });
      await client.waitPackets(1);
      // 400 kB unconfirmed would be worth 100 s more.
      timers.advance(120_000);
      assert.equal((await client.waitDown()).kind, 'ping-timeout');
    });
  });
});
