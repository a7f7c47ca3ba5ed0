import * as assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { EchoBed, logged, until, userDirectory } from './echo-bed';
import { programsOf, runtimes } from './runtimes';
import { ticking } from './ticking';

for (const runtime of runtimes) {
  describe(`in ${runtime.title}`, function () {
    this.timeout(60_000);
    const bed = EchoBed.inSuite();

    it('messages go through, and none is lost while Node-RED, the broker or both are away', async () => {
      const programs = programsOf(runtime);
      const userDir = userDirectory();
      let nodeRed = await bed.start(userDir, { ...programs, flows: [...bed.flow('plant'), ...ticking()] });
      for (const version of runtime.versions) assert.match(nodeRed.logs(), version);
      await bed.roundTrip('plant', 'one', nodeRed);
      await logged(nodeRed, /stored one/);
      await logged(nodeRed, /stored tick/);

      await nodeRed.kill();
      await bed.publish('plant', 'two');
      nodeRed = await bed.start(userDir, programs);
      await bed.echoed('plant', 'two', nodeRed);
      await logged(nodeRed, /stored tick/);
      await nodeRed.stop();
      assert.doesNotMatch(nodeRed.logs(), /Uncaught|unhandled|\[(warn|error)\] \[mqtt/i);

      await bed.publish('plant', 'three');
      await bed.mosquitto.stop();
      nodeRed = await bed.start(userDir, programs);
      await logged(nodeRed, /stored tick/);
      await nodeRed.kill();
      await bed.mosquitto.start();
      nodeRed = await bed.start(userDir, programs);
      await bed.echoed('plant', 'three', nodeRed);
      // One for each start, the third of them from disk.
      const ticks = () => bed.echoes('plant').filter((payload) => payload === 'tick').length;
      await until(() => ticks() === 4, 'four ticks', nodeRed);
      assert.deepEqual(
        bed.echoes('plant').filter((payload) => payload !== 'tick'),
        ['one', 'two', 'three'],
      );
    });
  });
}
