import { campaignSettings, describeFigures, runCampaign } from './harness/campaign';
import { INBOUND } from './harness/library-subject';
import { startNodeRedSubject } from './harness/node-red-subject';

describe('a Node-RED killed again and again', function () {
  const { kills, seed } = campaignSettings(12);
  this.timeout(120_000 + kills * 30_000);

  it(`loses nothing and delivers QoS 2 once, with MQTT 3.1.1 and 5, out and in (${kills} kills, seed ${seed})`, async () => {
    const figures = await runCampaign({
      name: 'kill-node-red',
      kills,
      seed,
      start: startNodeRedSubject(100),
      clients: 2,
      inbound: INBOUND,
      inboundPerSecond: 100,
    });
    console.log(describeFigures(figures));
  });
});
