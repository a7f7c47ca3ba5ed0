import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  CLIENT_ID,
  contentOf,
  flipBit,
  makeNewer,
  segmentsOf,
  sessionPath,
  storeQueue,
  storeSession,
} from '../admin/storage-fixture';
import { temporaryDirectory } from '../store/support';
import { LibraryProcess } from '../support/library-process';
import { run } from './run';

describe('mqtt-sessions verify and repair', () => {
  const directory = temporaryDirectory();
  const storage = () => path.join(directory(), 'sessions');

  it('reports a path in order: exit code 0, nothing changed', async () => {
    const count = await storeSession(storage(), 'snapshot');
    await storeQueue(storage(), 'other', 3);
    const before = contentOf(storage());
    const { code, output, errors } = await run('verify', storage());
    assert.equal(code, 0, errors);
    assert.match(output, /"other": in order; 3 messages/);
    assert.match(output, new RegExp(`2 session\\(s\\) in .*, ${count + 3} message\\(s\\): 0 damaged`));
    const result = await run('verify', storage(), 'other', '--json');
    const report = result.json() as { damaged: boolean; sessions: { clientId: string; messages: { count: number } }[] };
    assert.equal(report.damaged, false);
    assert.deepEqual(
      report.sessions.map(({ clientId, messages }) => [clientId, messages.count]),
      [['other', 3]],
    );
    assert.deepEqual(contentOf(storage()), before);
  });

  it('reports damage: exit code 1, naming the file; repair writes beside, and what it wrote is in order', async () => {
    await storeSession(storage(), 'snapshot');
    await storeQueue(storage(), 'other', 3);
    const segment = segmentsOf(sessionPath(storage()))[1] ?? '';
    flipBit(segment, 300);
    const before = contentOf(storage());
    const verified = await run('verify', storage());
    assert.equal(verified.code, 1);
    assert.ok(verified.output.includes(segment), verified.output);
    assert.match(verified.output, /DAMAGED/);

    const repaired = await run('repair', storage());
    assert.equal(repaired.code, 1, repaired.errors);
    const [name = ''] = fs.readdirSync(directory()).filter((entry) => entry.startsWith('sessions.repaired-'));
    assert.match(repaired.output + repaired.errors, /kept \d+ messages/);
    assert.match(repaired.output, /"other": copied as it is/);
    assert.ok(repaired.output.includes(name));
    assert.deepEqual(contentOf(storage()), before);
    const again = await run('verify', path.join(directory(), name));
    assert.equal(again.code, 0, again.output);

    const output = path.join(directory(), 'chosen');
    const chosen = await run('repair', storage(), CLIENT_ID, '--output', output, '--json');
    const report = chosen.json() as { output: string; sessions: { outcome: string }[] };
    assert.equal(report.output, output);
    assert.deepEqual(
      report.sessions.map(({ outcome }) => outcome),
      ['rewritten'],
    );
    assert.equal((await run('repair', storage(), '--output', output)).code, 2, 'not over what is there');
  });

  it('has nothing to repair in a path in order', async () => {
    await storeQueue(storage(), 'other', 3);
    const { code, output } = await run('repair', storage());
    assert.equal(code, 0);
    assert.match(output, /Nothing to repair/);
    assert.deepEqual(fs.readdirSync(directory()), ['sessions']);
  });

  it('refuses a path in use, naming the process, and takes it when that was killed', async () => {
    const holder = await LibraryProcess.start({
      storePath: storage(),
      url: 'mqtt://127.0.0.1:1',
      clients: [{ clientId: 'held', protocolVersion: 4, connect: false }],
      doneFile: path.join(directory(), 'done'),
      receivedFile: path.join(directory(), 'received'),
      generation: 1,
    });
    try {
      await holder.call('publish', { clientId: 'held', topic: 'plant', qos: 1, first: 1, count: 7 });
      for (const command of ['verify', 'repair']) {
        const { code, output, errors } = await run(command, storage());
        assert.equal(code, 2);
        assert.equal(output, '');
        assert.match(errors, new RegExp(`in use by process ${holder.pid} on host`));
      }
      assert.equal((await run('list', storage())).code, 0);
    } finally {
      await holder.kill();
    }
    const { code, output, errors } = await run('verify', storage());
    assert.equal(code, 0, output + errors);
    assert.match(output, /"held": in order; 7 messages/);
  });

  it('has exit code 2 for wrong arguments and paths', async () => {
    fs.writeFileSync(path.join(directory(), 'file'), 'x');
    const nowhere = path.join(directory(), 'nowhere');
    for (const words of [
      [],
      ['explode'],
      ['verify'],
      ['verify', nowhere],
      ['verify', path.join(directory(), 'file')],
      ['verify', nowhere, 'a', 'b'],
      ['verify', nowhere, '--colour'],
      ['repair', nowhere],
      ['repair', nowhere, '--output'],
    ]) {
      const { code, output, errors } = await run(...words);
      assert.equal(code, 2, words.join(' '));
      assert.equal(output, '');
      assert.match(errors, /^mqtt-sessions: \S/);
    }
    await storeQueue(storage(), 'other', 1);
    assert.equal((await run('verify', storage(), 'nobody')).code, 2);
  });

  it('says which path cannot be used, and which one to name', async () => {
    const nowhere = path.join(directory(), 'nowhere');
    for (const words of [
      ['list', nowhere],
      ['inspect', nowhere, 'plant'],
      ['verify', nowhere],
      ['repair', nowhere],
      ['export', nowhere, 'plant'],
      ['cleanup', nowhere],
    ]) {
      const { code, errors } = await run(...words);
      assert.equal(code, 2);
      assert.ok(errors.includes(`The storage path ${nowhere} cannot be read`), errors);
      assert.match(errors, /Name the folder with the sessions/);
    }
    await storeQueue(storage(), 'plant', 1);
    const { code, errors } = await run('verify', sessionPath(storage(), 'plant'));
    assert.equal(code, 2, 'not "0 sessions, 0 damaged"');
    assert.match(errors, /is the directory of one session/);
  }).timeout(30_000);

  it('does not call damaged what a newer version wrote, and says that it was not checked', async () => {
    await storeQueue(storage(), 'newer', 1);
    makeNewer(sessionPath(storage(), 'newer'));
    const { code, output } = await run('verify', storage());
    assert.equal(code, 1);
    assert.match(output, /NOT CHECKED\n.*newer version/);
    assert.match(output, /: 0 damaged, 1 not checked\./);
    const repaired = await run('repair', storage());
    assert.equal(repaired.code, 1);
    assert.match(repaired.output, /Nothing to repair/);
    assert.deepEqual(fs.readdirSync(directory()), ['sessions']);
  });

  it('explains itself', async () => {
    const { code, output } = await run('--help');
    assert.equal(code, 0);
    for (const word of ['list', 'inspect', 'verify', 'repair', 'Exit codes', '--json']) {
      assert.ok(output.includes(word), word);
    }
    const one = await run('repair', '--help');
    assert.equal(one.code, 0);
    assert.match(one.output, /--output <path>/);
    assert.doesNotMatch(one.output, /inspect </);
  });
});
