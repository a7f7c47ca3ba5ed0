import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { decodeMcps } from '../../src/mcps/decode';
import {
  CLIENT_ID,
  contentOf,
  flipBit,
  forgeSnapshot,
  segmentsOf,
  sessionPath,
  storeQueue,
  storeSession,
} from '../admin/storage-fixture';
import { temporaryDirectory } from '../store/support';
import { LibraryProcess } from '../support/library-process';
import { run } from './run';

interface Imported {
  clientId: string;
  format: string;
  messages: number;
  duplicates: number;
}

describe('mqtt-sessions export, import and cleanup', () => {
  const directory = temporaryDirectory();
  const storage = () => path.join(directory(), 'sessions');
  const other = () => path.join(directory(), 'other');
  const file = (name: string) => path.join(directory(), name);
  const messagesOf = async (storagePath: string, clientId: string) => {
    const { sessions } = (await run('verify', storagePath, clientId, '--json')).json() as {
      sessions: { messages: { count: number } }[];
    };
    return sessions[0]?.messages.count;
  };

  it('brings a session elsewhere by JSON lines, once however often', async () => {
    await storeSession(storage(), 'snapshot');
    // A message that was given up becomes a dead letter when the session is opened the next time.
    await run('export', storage(), CLIENT_ID);
    const count = await messagesOf(storage(), CLIENT_ID);
    const exported = await run('export', storage(), CLIENT_ID);
    assert.equal(exported.code, 0, exported.errors);
    const lines = exported.output.trimEnd().split('\n');
    assert.equal(lines.filter((line) => (JSON.parse(line) as { type: string }).type === 'message').length, count);
    assert.equal(await messagesOf(storage(), CLIENT_ID), count, 'it stays as it is');

    fs.writeFileSync(file('export.jsonl'), exported.bytes);
    const imported = await run('import', other(), file('export.jsonl'), '--json');
    assert.equal(imported.code, 0, imported.errors);
    const { clientId, format, messages } = imported.json() as Imported;
    assert.deepEqual([clientId, format, messages], [CLIENT_ID, 'jsonl', count]);
    const again = (await run('import', other(), file('export.jsonl'), '--json')).json() as Imported;
    assert.deepEqual([again.messages, again.duplicates], [0, count]);
    assert.equal(await messagesOf(other(), CLIENT_ID), count);

    const renamed = await run('import', other(), file('export.jsonl'), '--client-id', 'renamed', '--json');
    assert.equal((renamed.json() as Imported).messages, count);
    const replaced = await run('import', other(), file('export.jsonl'), '--client-id', 'renamed', '--replace');
    assert.equal(replaced.code, 0, replaced.errors);
    assert.equal(await messagesOf(other(), 'renamed'), count);
  });

  it('writes and reads files of the original implementation', async () => {
    await storeQueue(storage(), 'plant-1', 5);
    const output = file('plant-1.mcps');
    const exported = await run('export', storage(), 'plant-1', '--format', 'mcps1', '--output', output);
    assert.deepEqual([exported.code, exported.output], [0, ''], exported.errors);
    const decoded = decodeMcps(fs.readFileSync(output));
    assert.equal(decoded.version === 1 && decoded.inflight.length, 5);
    assert.equal((await run('export', storage(), 'plant-1', '--output', output)).code, 2, 'not over what is there');

    const refused = await run('import', storage(), output);
    assert.equal(refused.code, 2);
    assert.match(refused.errors, /There is a session "plant-1" already, with 5 messages/);
    assert.equal((await run('import', storage(), output, '--replace')).code, 0);
    assert.equal(await messagesOf(storage(), 'plant-1'), 5);
    assert.equal((await run('import', storage(), output, '--client-id', 'plant/2')).code, 0);
    assert.equal(await messagesOf(storage(), 'plant/2'), 5);
  });

  it('refuses a format that loses something, unless loss is allowed', async () => {
    await storeSession(storage(), 'snapshot');
    const output = file('lossy.mcps');
    const refused = await run('export', storage(), CLIENT_ID, '--format', 'mcps1', '--output', output);
    assert.equal(refused.code, 2);
    assert.match(refused.errors, /JSONL/);
    assert.ok(!fs.existsSync(output));
    const allowed = await run('export', storage(), CLIENT_ID, '--format', 'mcps1', '--allow-loss', '--output', output);
    assert.equal(allowed.code, 0, allowed.errors);
    assert.match(allowed.errors, /left out/);
  });

  it('refuses damaged files, unknown sessions and paths, and makes nothing of them', async () => {
    await storeQueue(storage(), 'plant-1', 1);
    fs.writeFileSync(
      file('damaged.mcps'),
      fs.readFileSync(path.join(__dirname, '..', 'fixtures', 'mcps-v1', 'plant-line.mcps')).subarray(0, -3),
    );
    fs.writeFileSync(file('foreign'), 'Dear Sir or Madam');
    const before = contentOf(storage());
    for (const words of [
      ['export', storage(), 'nobody'],
      ['export', path.join(directory(), 'nowhere'), 'plant-1'],
      ['export', storage(), 'plant-1', '--format', 'xml'],
      ['import', storage(), file('damaged.mcps')],
      ['import', storage(), file('foreign')],
      ['import', storage(), file('missing')],
      ['cleanup', path.join(directory(), 'nowhere')],
      ['cleanup', storage(), '--keep-failed', 'ever'],
    ]) {
      const { code, output, errors } = await run(...words);
      assert.equal(code, 2, words.join(' '));
      assert.equal(output, '', words.join(' '));
      assert.match(errors, /^mqtt-sessions: \S/);
    }
    assert.deepEqual(contentOf(storage()), before);
    assert.ok(!fs.existsSync(path.join(directory(), 'nowhere')));
  });

  it('says what of a damaged session could not be exported, beside what could', async () => {
    await storeSession(storage(), 'snapshot');
    flipBit(segmentsOf(sessionPath(storage()))[2] ?? '', 200);
    const output = file('damaged.jsonl');
    const { code, errors, json } = await run('export', storage(), CLIENT_ID, '--output', output, '--json');
    assert.equal(code, 1, errors);
    const { damage } = json() as { damage: string[] };
    assert.match(damage.join(), /\.mcpj is damaged.*records \d+ to \d+ are lost/);
    assert.match(errors, /what could be read of it was exported/);
    assert.match(fs.readFileSync(output, 'utf8'), /"type":"end"/);
  });

  it('names the file that cannot be imported', async () => {
    const damaged = file('damaged');
    fs.writeFileSync(damaged, Buffer.from('SPCM\x01\0'));
    const foreign = file('foreign');
    fs.writeFileSync(foreign, 'something else');
    for (const one of [directory(), file('nowhere'), damaged, foreign]) {
      const { code, errors } = await run('import', storage(), one);
      assert.equal(code, 2);
      assert.ok(errors.includes(one), errors);
    }
  });

  it('refuses a session that is in use, naming the process; another one of the path is free', async () => {
    await storeQueue(storage(), 'free', 2);
    const holder = await LibraryProcess.start({
      storePath: storage(),
      url: 'mqtt://127.0.0.1:1',
      clients: [{ clientId: 'held', protocolVersion: 4, connect: false }],
      doneFile: file('done'),
      receivedFile: file('received'),
      generation: 1,
    });
    try {
      const refused = await run('export', storage(), 'held');
      assert.equal(refused.code, 2);
      assert.match(refused.errors, new RegExp(`process ${holder.pid} on host`));
      assert.equal((await run('export', storage(), 'free')).code, 0);
    } finally {
      await holder.kill();
    }
    assert.equal((await run('export', storage(), 'held')).code, 0);
  });

  it('deletes expired sessions, and says which', async () => {
    await storeQueue(storage(), 'expired', 2);
    await storeQueue(storage(), 'young', 1);
    forgeSnapshot(sessionPath(storage(), 'expired'), ({ metadata }) => {
      metadata.createdAt = metadata.lastAccessAt = Date.UTC(2024, 0, 1);
      metadata.expiryInterval = 60;
    });
    const { code, output, errors } = await run('cleanup', storage());
    assert.equal(code, 0, errors);
    assert.match(output, /deleted "expired": expired, with 2 messages/);
    assert.deepEqual(
      ((await run('list', storage(), '--json')).json() as { clientId: string }[]).map(({ clientId }) => clientId),
      ['young'],
    );
  });
});
