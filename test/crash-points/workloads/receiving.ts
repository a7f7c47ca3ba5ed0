import type { Workload } from '../workload';

const receiving: Workload = {
  name: 'receive QoS 2',
  statesMin: 275,
  callsMin: 110,
  async run(stage) {
    const process = await stage.start();
    const plant = await process.open();
    for (const qos of [1, 2] as const) plant.subscribe(`in/${qos}`, qos);
    plant.broker.holdBack.add('pubrel');
    await plant.connect();
    await plant.quiet();
    plant.inbound(1, 2, 11);
    plant.inbound(2, 1, 12);
    plant.inbound(3, 2, 13);
    await plant.quiet();
    plant.broker.answerHeld(1);
    await plant.quiet();
    // The identifier is free again.
    plant.inbound(4, 2, 11);
    await plant.quiet();
    plant.broker.cut();
    await plant.quiet(5_000);
    plant.inbound(3, 2, 13, true);
    plant.inbound(4, 2, 11, true);
    await plant.quiet();
    plant.broker.answerHeld();
    await plant.quiet();
    await plant.close();
    await process.close();
  },
};

const manual: Workload = {
  name: 'receive, acknowledged by the flow',
  statesMin: 230,
  callsMin: 100,
  async run(stage) {
    const process = await stage.start();
    const plant = await process.open();
    for (const qos of [1, 2] as const) plant.subscribe(`in/${qos}`, qos, 'manual');
    plant.broker.holdBack.add('pubrel');
    await plant.connect();
    await plant.quiet();
    plant.inbound(1, 2, 11);
    plant.inbound(2, 2, 12);
    plant.inbound(3, 1, 13);
    await plant.quiet();
    for (const reference of plant.references.splice(0)) {
      plant.client.acknowledge(reference);
      await plant.quiet();
    }
    plant.broker.answerHeld();
    await plant.quiet();
    plant.inbound(4, 2, 14);
    await plant.quiet();
    await plant.close();
    await process.close();
  },
};

export const receivingAll = [receiving, manual];
