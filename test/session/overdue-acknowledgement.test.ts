import * as assert from 'node:assert/strict';
import { Harness, limits5, puback } from './harness';

/** Seconds until the session asks for the end of the connection. */
function secondsUntilClose(harness: Harness, most: number): number | undefined {
  const before = harness.of('close').length;
  for (let second = 1; second <= most; second++) {
    harness.tick(1000);
    if (harness.of('close').length > before) return second;
  }
  return undefined;
}

describe('session: overdue acknowledgements', () => {
  it('close the connection after 30 s without any, once', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.publish(1);
    assert.equal(secondsUntilClose(harness, 40), 30);
    assert.equal(harness.of('close')[0]?.reason, 'acknowledgement-overdue');
    assert.equal(secondsUntilClose(harness, 100), undefined);
  });

  it('double the time at each close, up to 10 min', () => {
    const harness = new Harness();
    harness.publish(1);
    const times: (number | undefined)[] = [];
    for (let round = 0; round < 7; round++) {
      harness.connect(limits5({ sessionPresent: true }));
      times.push(secondsUntilClose(harness, 700));
      harness.disconnect();
    }
    assert.deepEqual(times, [30, 60, 120, 240, 480, 600, 600]);
  });

  it('are not forgotten because new messages go out', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.publish(1);
    assert.equal(secondsUntilClose(harness, 20), undefined);
    harness.publish(1);
    assert.equal(secondsUntilClose(harness, 20), 10);
  });

  it('are not counted while something is acknowledged, or nothing is open', () => {
    const harness = new Harness();
    harness.connect(limits5());
    for (let count = 0; count < 20; count++) harness.publish(1);
    for (const { packetId } of harness.session.openMessages().slice(1)) {
      assert.equal(secondsUntilClose(harness, 20), undefined);
      harness.receive(puback(packetId));
    }
    harness.receive(puback(harness.session.openMessages()[0]!.packetId));
    assert.equal(secondsUntilClose(harness, 100), undefined);
  });
});
