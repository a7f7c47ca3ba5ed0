import type { Workload } from '../workload';

/** Messages until nothing fits any more, deliveries on the full disk, and room again. */
const fullDisk: Workload = {
  name: 'disk full',
  statesMin: 535,
  callsMin: 180,
  options: { segmentBytes: 1500 },
  mayFail: /^(ENOSPC|ERR_STORE_FULL)$/,
  async run(stage) {
    const { disk } = stage;
    const process = await stage.start();
    const plant = await process.open();
    for (const number of [1, 2, 3]) await plant.stored(number, 2, 300);
    disk.capacity = disk.used + 900;
    for (let number = 4; number <= 8; number++) await plant.stored(number, 1, 300);
    await plant.connect();
    await plant.drained();
    await stage.may('saving', () => plant.client.save());
    disk.capacity = Number.POSITIVE_INFINITY;
    await plant.quiet(3_000);
    await plant.stored(9, 2, 300);
    await plant.drained();
    await plant.close();
    await process.close();
  },
};

export const full = [fullDisk];
