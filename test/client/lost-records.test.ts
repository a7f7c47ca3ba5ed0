import * as assert from 'node:assert/strict';
import { factsOf, machine } from '../store/support';
import { MemoryDisk } from '../support/memory-disk';
import { Bed, message } from './bed';

describe('a session whose last records may have gone with the machine', () => {
  const bed = new Bed();

  /** Up to which sequence identifiers are cleared before use, after a crash of that kind; 0: none is. */
  async function clearedUntil(durability: 'always' | 'os', kind: 'process' | 'power'): Promise<number> {
    const disk = new MemoryDisk();
    const first = await bed.openClient({ store: await bed.storeOn(disk, { durability }) });
    await first.publish(message('stored', { qos: 2 }));
    bed.abandon(first);
    const bootId = kind === 'power' ? 'after the power cut' : machine.bootId;
    const facts = factsOf({ ...machine, bootId, pid: 4711 }, { 4711: machine.processStart });
    const store = await bed.storeOn(disk.crash(kind), { durability, holderFacts: facts });
    const second = await bed.openClient({ store });
    const copy = second.copy();
    await copy.close();
    return copy.state.adoptedUntil;
  }

  it('clears identifiers before it uses them: the broker may hold something under each', async () => {
    assert.ok((await clearedUntil('os', 'power')) > 0);
  });

  it('trusts them when only the process was killed, or nothing can have been lost', async () => {
    assert.equal(await clearedUntil('os', 'process'), 0);
    assert.equal(await clearedUntil('always', 'power'), 0);
  });
});
