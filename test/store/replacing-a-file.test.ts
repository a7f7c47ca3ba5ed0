import * as assert from 'node:assert/strict';
import { readFile, replaceFile } from '../../src/store/files';
import { MemoryDisk } from '../support/memory-disk';

const FILE = '/disk/session.1.mcps';
const SEEDS = 20;

describe('a file that is replaced', () => {
  async function withOldFile(): Promise<MemoryDisk> {
    const disk = new MemoryDisk();
    await disk.makeDirectory('/disk');
    await replaceFile(disk, FILE, Buffer.from('old'));
    return disk;
  }

  it('is the new one after a power cut, once that was said', async () => {
    const disk = await withOldFile();
    await replaceFile(disk, FILE, Buffer.from('the new one'));
    for (let seed = 1; seed <= SEEDS; seed++) {
      assert.equal(String(await readFile(disk.crash('power', seed), FILE)), 'the new one', `seed ${seed}`);
    }
  });

  it('is whole after a power cut at any call: the old one or the new one', async () => {
    const disk = await withOldFile();
    const crashed: MemoryDisk[] = [];
    disk.onCall = () => {
      for (let seed = 1; seed <= SEEDS; seed++) crashed.push(disk.clone(seed).crash('power', seed));
    };
    await replaceFile(disk, FILE, Buffer.from('the new one'));
    assert.ok(crashed.length >= 5 * SEEDS);
    for (const after of crashed) {
      assert.ok(['old', 'the new one'].includes(String(await readFile(after, FILE))));
    }
  });
});
