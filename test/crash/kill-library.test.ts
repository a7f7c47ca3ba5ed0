import { campaignSettings, describeFigures, runCampaign } from './harness/campaign';
import { INBOUND, startLibrarySubject } from './harness/library-subject';

describe('a process killed again and again', function () {
  const { kills, seed } = campaignSettings(12);
  this.timeout(60_000 + kills * 10_000);

  it(`loses nothing and delivers QoS 2 once, with MQTT 3.1.1 and 5, out and in (${kills} kills, seed ${seed})`, async () => {
    const figures = await runCampaign({
      name: 'kill-library',
      kills,
      seed,
      start: startLibrarySubject(100),
      clients: 2,
      inbound: INBOUND,
      inboundPerSecond: 100,
    });
    console.log(describeFigures(figures));
  });
});
