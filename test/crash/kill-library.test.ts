import * as assert from 'node:assert/strict';
import { campaignSettings, describeFigures, missingFaults } from './harness/campaign';
import { ALL_INBOUND, startLibrarySubject } from './harness/library-subject';
import { DECK_SIZE } from './harness/plan';
import { campaignSideBySide } from './harness/side-by-side';

describe('a process killed again and again', function () {
  const { kills, seed } = campaignSettings(2 * DECK_SIZE);
  this.timeout(180_000 + kills * 15_000);
  const campaign = campaignSideBySide({
    name: 'kill-library',
    kills,
    seed,
    start: startLibrarySubject(60),
    inbound: ALL_INBOUND,
    inboundPerSecond: 60,
    mosquitto: { defaultLimits: true, maxQueuedMessages: 1_000_000 },
    smallDisk: true,
  });

  it(`loses nothing and delivers QoS 2 once, with MQTT 3.1.1 and 5, out and in (${kills} kills, seed ${seed})`, async () => {
    const figures = await campaign();
    assert.deepEqual(missingFaults(figures), []);
    console.log(describeFigures(figures));
  });
});
