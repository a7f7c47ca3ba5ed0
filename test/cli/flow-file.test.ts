import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { readFlowFile, replaceFlowFile } from '../../src/cli/flow-file';

describe('replacing a flow file', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-flow-file-'));
    file = path.join(folder, 'flows.json');
    await fs.writeFile(file, '[]');
  });

  afterEach(() => fs.rm(folder, { recursive: true, force: true }));

  it('refuses a file that Node-RED has written since it was read', async () => {
    const { path: target, bytes } = await readFlowFile(file);
    await fs.writeFile(file, '[{"id":"t","type":"tab"}]');
    await assert.rejects(replaceFlowFile(target, '[1]', bytes), /flows\.json was changed meanwhile/);
    assert.equal(await fs.readFile(file, 'utf8'), '[{"id":"t","type":"tab"}]');
    assert.deepEqual(await fs.readdir(folder), ['flows.json']);
  });

  it('never takes the name of an older backup', async () => {
    for (const content of ['[1]', '[2]', '[3]']) await replaceFlowFile(file, content);
    assert.deepEqual((await fs.readdir(folder)).sort(), [
      'flows.json',
      'flows.json.before-convert',
      'flows.json.before-convert-2',
      'flows.json.before-convert-3',
    ]);
    assert.equal(await fs.readFile(`${file}.before-convert`, 'utf8'), '[]');
    assert.equal(await fs.readFile(`${file}.before-convert-3`, 'utf8'), '[2]');
  });

  it('writes a file that was not there without a backup', async () => {
    assert.equal(await replaceFlowFile(path.join(folder, 'new.json'), '[1]'), undefined);
    assert.deepEqual((await fs.readdir(folder)).sort(), ['flows.json', 'new.json']);
  });
});
