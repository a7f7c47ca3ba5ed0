import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { DIRECTORY, TestStore } from './support';

const SEGMENT = `${DIRECTORY}/1-00000001.mcpj`;

describe('a last batch torn at any byte', () => {
  for (const filling of ['nothing', 'zeros', 'noise'] as const) {
    it(`is cut back to its last whole record, with ${filling} behind the tear`, async () => {
      const disk = new MemoryDisk();
      const store = await TestStore.open(disk);
      for (let i = 0; i < 3; i++) store.append();
      await store.committed();
      const start = disk.contents(SEGMENT).length;
      for (let i = 0; i < 4; i++) store.append(30);
      await store.committed();
      const whole = disk.contents(SEGMENT).length;
      for (let length = start; length < whole; length++) {
        const copy = disk.crash('process').clone(1);
        const torn = Buffer.from(copy.contents(SEGMENT));
        if (filling === 'zeros') torn.fill(0, length);
        if (filling === 'noise') for (let i = length; i < torn.length; i++) torn[i] = (torn[i] ?? 0) ^ 0x5a;
        copy.place(SEGMENT, filling === 'nothing' ? torn.subarray(0, length) : torn);
        const again = await TestStore.open(copy, {}, store);
        assert.ok(again.durable >= 3 && again.durable < 7, `${length}: ${again.durable}`);
        await again.assertHolds(3);
        assert.ok(again.notices.every((notice) => notice.level === 'info'));
        assert.deepEqual(again.quarantined, []);
        // Nothing of the tear is left behind the last record, whoever reads the file next.
        const [taken] = again.journal.position().segments;
        assert.equal(copy.contents(`${DIRECTORY}/2-00000001.mcpj`).length, taken?.length);
        again.append();
        await again.committed();
        await again.journal.close();
        const third = await TestStore.open(copy, {}, again);
        await third.assertHolds(again.durable);
        assert.deepEqual(third.notices, []);
        await third.journal.close();
      }
    });
  }
});
