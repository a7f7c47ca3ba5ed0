import * as assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import { Bed } from '../client/bed';
import { waitFor } from '../support/wait';
import { delivery, SaneSession, type Side, type Version } from './hostile-broker';
import { BACKLOG, Stage } from './stage';

type Acknowledgement = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';

/** PUBLISH of the whole backlog: identifiers at QoS 1 (first, third) and QoS 2 (second, fourth). */
async function identifiers(side: Side): Promise<[number, number, number, number]> {
  const found: number[] = [];
  for (const payload of BACKLOG) {
    const { messageId = 0 } = await side.next('publish', (packet) => packet.payload.toString() === payload);
    found.push(messageId);
  }
  return found as [number, number, number, number];
}

const packet = (cmd: Acknowledgement, messageId: number): Packet => ({ cmd, messageId });

/** Everything sent before was read by the client: it has acknowledged a message behind it. */
async function heard(side: Side): Promise<void> {
  side.send(delivery(1, 65_000, 'heard'));
  await side.next('puback', ({ messageId }) => messageId === 65_000);
}

describe('a broker whose acknowledgements are out of place', function () {
  this.timeout(20_000);
  const bed = new Bed();

  for (const version of [4, 5] as const satisfies Version[]) {
    const unexpected = (stage: Stage): string[] =>
      stage.reports.flatMap((report) =>
        report.kind === 'unexpected-packet' ? [`${report.packet} ${report.messageId}`] : [],
      );

    it(`for things never sent: they are reported, a PUBREC is answered, and nothing counts as acknowledged (version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.ready();
      await identifiers(side);
      for (const cmd of ['puback', 'pubrec', 'pubcomp'] as const) side.send(packet(cmd, 999), packet(cmd, 65_535));
      side.send({ cmd: 'suback', messageId: 999, granted: [1] }, { cmd: 'unsuback', messageId: 999, granted: [0] });
      await heard(side);
      assert.deepEqual(unexpected(stage), [
        'puback 999',
        'puback 65535',
        'pubrec 999',
        'pubrec 65535',
        'pubcomp 999',
        'pubcomp 65535',
        'suback 999',
        'unsuback 999',
      ]);
      const answers = side.log.flatMap((sent) => (sent.cmd === 'pubrel' ? [[sent.messageId, sent.reasonCode]] : []));
      const reasonCode = version === 5 ? 0x92 : undefined;
      assert.deepEqual(answers, [
        [999, reasonCode],
        [65_535, reasonCode],
      ]);
      assert.equal(stage.client.stored.count, BACKLOG.length);
      side.leave();
      await stage.recovers();
    });

    for (const sessionPresent of [false, true]) {
      it(`of the wrong type: nothing counts as acknowledged, no PUBREL is sent (version ${version}, Session Present ${sessionPresent} afterwards)`, async () => {
        const stage = await Stage.open(bed, version);
        const side = await stage.ready();
        const [first, second, third, fourth] = await identifiers(side);
        side.send(
          packet('pubrec', first),
          packet('puback', second),
          packet('pubcomp', third),
          packet('pubcomp', fourth),
          { cmd: 'suback', messageId: first, granted: [1] },
        );
        await heard(side);
        assert.deepEqual(unexpected(stage), [
          `pubrec ${first}`,
          `puback ${second}`,
          `pubcomp ${third}`,
          `pubcomp ${fourth}`,
          `suback ${first}`,
        ]);
        assert.ok(!side.log.some(({ cmd }) => cmd === 'pubrel'));
        assert.equal(stage.client.stored.count, BACKLOG.length);
        side.leave();
        await stage.recovers(BACKLOG, { sessionPresent });
      });
    }

    it(`and doubled: each message is acknowledged once (version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.ready();
      const [first, second, third, fourth] = await identifiers(side);
      for (const identifier of [first, third]) side.send(packet('puback', identifier), packet('puback', identifier));
      for (const identifier of [second, fourth]) {
        side.send(packet('pubrec', identifier), packet('pubrec', identifier));
        await side.next('pubrel', ({ messageId }) => messageId === identifier);
        side.send(packet('pubcomp', identifier), packet('pubcomp', identifier));
      }
      await heard(side);
      await waitFor(() => stage.client.stored.count === 0, { what: 'an empty queue', intervalMs: 1 });
      side.leave();
      await stage.recovers([], { sessionPresent: true });
    });

    it(`and out of order: PUBREL follows the order of PUBREC, and all is done (MQTT-4.6.0-4; version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.ready();
      const [first, second, third, fourth] = await identifiers(side);
      side.send(packet('pubrec', fourth), packet('puback', third), packet('pubrec', second), packet('puback', first));
      assert.equal((await side.next('pubrel')).messageId, fourth);
      assert.equal((await side.next('pubrel')).messageId, second);
      side.send(packet('pubcomp', second), packet('pubcomp', fourth));
      await waitFor(() => stage.client.stored.count === 0, { what: 'an empty queue', intervalMs: 1 });
      side.leave();
      await stage.recovers([], { sessionPresent: true });
    });

    it(`PUBREL for nothing, and PUBREL twice: each is answered by PUBCOMP, nothing is delivered (version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      const side = await stage.ready();
      side.send(packet('pubrel', 7), delivery(2, 8, 'once'));
      await side.next('pubrec');
      side.send(packet('pubrel', 8), packet('pubrel', 8));
      const answers: unknown[] = [];
      for (let answered = 0; answered < 3; answered++) {
        const { messageId, reasonCode } = await side.next('pubcomp');
        answers.push(version === 5 ? [messageId, reasonCode] : messageId);
      }
      const expected = [
        [7, 0x92],
        [8, 0],
        [8, 0x92],
      ];
      assert.deepEqual(answers, version === 5 ? expected : expected.map(([identifier]) => identifier));
      assert.deepEqual(stage.delivered, ['once']);
      side.leave();
      await stage.recovers();
    });

    it(`an identifier used again before its acknowledgement: the broker is left, what the flow has is kept (MQTT-2.3.1-2 (3.1.1), MQTT-2.2.1-4 (5.0); version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      stage.client.hold();
      const side = await stage.ready();
      side.send(delivery(1, 5, 'good'), delivery(1, 5, 'other'));
      await stage.endedByViolation(side, 0x82, /used the packet identifier 5 again/);
      stage.client.release();
      await waitFor(() => stage.delivered.length > 0, { what: 'the delivery that was held', intervalMs: 1 });
      assert.deepEqual(stage.delivered, ['good']);
      await stage.recovers();
    });

    it(`messages that come again in another order: each is delivered once, acknowledged as they came last (MQTT-4.6.0-2, -3; version ${version})`, async () => {
      const stage = await Stage.open(bed, version);
      stage.client.hold();
      const first = await stage.ready();
      first.send(delivery(1, 1, 'a'), delivery(2, 2, 'b'), delivery(1, 3, 'c'), delivery(2, 4, 'd'));
      await waitFor(() => stage.client.statistics().messagesReceived === 4, {
        what: 'four messages held',
        intervalMs: 1,
      });
      first.leave();
      const second = await stage.connection();
      second.accept({ sessionPresent: true });
      const again = { dup: true };
      second.send(
        delivery(2, 4, 'd', again),
        delivery(1, 3, 'c', again),
        delivery(2, 2, 'b', again),
        delivery(1, 1, 'a', again),
        delivery(0, 0, 'behind'),
      );
      await waitFor(() => stage.client.statistics().messagesReceived === 9, { what: 'all of them', intervalMs: 1 });
      stage.client.release();
      assert.equal((await second.next('puback')).messageId, 3);
      assert.equal((await second.next('puback')).messageId, 1);
      assert.equal((await second.next('pubrec')).messageId, 4);
      assert.equal((await second.next('pubrec')).messageId, 2);
      assert.deepEqual(stage.delivered, ['a', 'b', 'c', 'd', 'behind']);
      second.leave();
      await stage.recovers();
    });
  }

  it('PUBREC with a refusal frees the identifier, and nothing more is sent for it (MQTT-4.3.3-4 (5.0))', async () => {
    const stage = await Stage.open(bed, 5);
    const side = await stage.ready();
    const [first, second, third, fourth] = await identifiers(side);
    side.send(packet('puback', first), { cmd: 'pubrec', messageId: second, reasonCode: 0x87 }, packet('puback', third));
    side.send(packet('pubrec', fourth));
    assert.equal((await side.next('pubrel')).messageId, fourth);
    await heard(side);
    side.leave();
    await stage.recovers([], { sessionPresent: true, broker: new SaneSession([fourth]) });
    assert.equal((await stage.client.deadLetters()).length, 1);
  });
});
