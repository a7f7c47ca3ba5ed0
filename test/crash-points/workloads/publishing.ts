import type { Workload } from '../workload';

const publishQos1: Workload = {
  name: 'publish QoS 1',
  statesMin: 360,
  callsMin: 125,
  async run(stage) {
    const process = await stage.start();
    const plant = await process.open();
    await plant.stored(1, 1);
    await plant.stored(2, 1, 700);
    for (const number of [3, 4, 5, 6]) plant.publish(number, 1, 200);
    await plant.settled();
    plant.broker.holdBack.add('puback');
    await plant.connect();
    await plant.quiet();
    plant.broker.answerHeld(2);
    await plant.quiet();
    await plant.stored(7, 1);
    plant.broker.cut();
    await plant.quiet(5_000);
    plant.broker.holdBack.clear();
    await plant.stored(8, 1);
    plant.broker.answerHeld();
    await plant.quiet(5_000);
    await plant.stored(9, 1);
    await plant.close();
    await process.close();
  },
};

const publishQos2: Workload = {
  name: 'publish QoS 2',
  statesMin: 375,
  callsMin: 125,
  async run(stage) {
    const process = await stage.start();
    const plant = await process.open();
    await plant.stored(1, 2);
    await plant.stored(2, 0);
    for (const number of [3, 4, 5]) plant.publish(number, 2, 100);
    await plant.settled();
    plant.broker.holdBack.add('pubrec').add('pubcomp');
    await plant.connect();
    await plant.quiet();
    plant.broker.answerHeld(3);
    await plant.quiet();
    plant.broker.holdBack.delete('pubrec');
    plant.broker.answerHeld(2);
    await plant.quiet();
    await plant.stored(6, 2);
    plant.broker.cut();
    await plant.quiet(5_000);
    plant.broker.holdBack.clear();
    plant.broker.answerHeld();
    await plant.drained();
    await plant.stored(7, 2);
    await plant.drained();
    await plant.close();
    await process.close();
  },
};

const windowFull: Workload = {
  name: 'window full',
  statesMin: 415,
  callsMin: 125,
  options: { client: { maxInflight: 3 } },
  async run(stage) {
    const process = await stage.start();
    const plant = await process.open();
    for (let number = 1; number <= 8; number++) plant.publish(number, number % 2 === 0 ? 1 : 2);
    await plant.settled();
    plant.broker.holdBack.add('puback').add('pubrec').add('pubcomp');
    await plant.connect();
    await plant.quiet();
    for (let answers = 0; answers < 12; answers++) {
      plant.broker.answerHeld(1);
      await plant.quiet(10);
      if (answers === 5) {
        for (const number of [9, 10]) plant.publish(number, 2);
        await plant.settled();
      }
    }
    await plant.close();
    await process.close();
  },
};

/** Segments are small; messages and answers fill several. */
const rotation: Workload = {
  name: 'segment rotation',
  statesMin: 1200,
  callsMin: 315,
  options: { segmentBytes: 1500, client: { maxInflight: 4 } },
  async run(stage) {
    const process = await stage.start();
    const plant = await process.open();
    for (let number = 1; number <= 12; number++) await plant.stored(number, number % 2 === 0 ? 1 : 2, 300);
    await plant.connect();
    await plant.quiet();
    for (let number = 13; number <= 16; number++) await plant.stored(number, 2, 400);
    await plant.drained();
    await plant.stored(17, 1, 2_000);
    await plant.close();
    await process.close();
  },
};

const snapshot: Workload = {
  name: 'snapshot',
  statesMin: 500,
  callsMin: 180,
  options: { segmentBytes: 1500 },
  async run(stage) {
    const process = await stage.start();
    const plant = await process.open();
    plant.subscribe('in/1', 1);
    for (const number of [1, 2, 3]) await plant.stored(number, 2, 300);
    await stage.must('saving', () => plant.client.save());
    plant.broker.holdBack.add('pubcomp');
    await plant.connect();
    await plant.quiet();
    await stage.must('saving', () => plant.client.save());
    const saving = plant.client.save();
    for (const number of [4, 5]) plant.publish(number, 1, 500);
    await stage.may('saving', () => saving);
    await plant.settled();
    plant.client.pause();
    await plant.stored(6, 1);
    await stage.may('disconnecting', () => plant.client.disconnect());
    await stage.must('saving', () => plant.client.save());
    await plant.close();
    await process.close();
  },
};

/** A process is killed and the next one takes over what it left; twice. */
const takeOver: Workload = {
  name: 'take-over',
  statesMin: 845,
  callsMin: 385,
  options: { segmentBytes: 1500 },
  async run(stage) {
    let number = 0;
    for (let life = 1; life <= 3; life++) {
      const process = await stage.start();
      const plant = await process.open();
      for (let count = 0; count < 4; count++) await plant.stored(++number, (1 + (count % 2)) as 1 | 2, 250);
      plant.broker.sessionPresent = life > 1;
      plant.broker.holdBack.add('pubcomp').add(life === 2 ? 'pubrec' : 'pubcomp');
      await plant.connect();
      await plant.quiet();
      if (life < 3) {
        process.kill();
        continue;
      }
      plant.broker.holdBack.clear();
      await plant.close();
      await process.close();
    }
  },
};

export const publishing = [publishQos1, publishQos2, windowFull, rotation, snapshot, takeOver];
