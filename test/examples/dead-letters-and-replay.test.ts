import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import { ExampleRun } from './example-run';

const LOCKED = ['topic readwrite deadletters/open', 'topic read deadletters/locked'];
const UNLOCKED = ['topic readwrite deadletters/#'];

describe('the example dead-letters-and-replay', function () {
  this.timeout(60_000);
  let directory = '';
  let broker: Mosquitto;
  let observer: Observer;
  let example: ExampleRun;

  const permit = (lines: readonly string[]) =>
    fs.writeFileSync(path.join(directory, 'permissions'), `${lines.join('\n')}\n`, { mode: 0o600 });

  before(async () => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'permissions-'));
    permit(LOCKED);
    broker = await Mosquitto.start({ configuration: [`acl_file ${path.join(directory, 'permissions')}`] });
    observer = await Observer.start({ port: broker.port, filter: 'deadletters/#' });
    example = await ExampleRun.start({ name: 'dead-letters-and-replay', port: broker.port });
    await example.waitState('dead-out', 'connected');
  });
  after(async () => {
    await example?.remove();
    await observer?.stop();
    await broker?.remove();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  /** The dead letters as the flow shows them: without times. */
  async function letters(): Promise<string[]> {
    const lines = await example.answer<string[] | string>('dead-list', 'dead-shown');
    return typeof lines === 'string' ? [] : lines.map((line) => /^\d+: (\w+, [\w/]+)/.exec(line)?.[1] ?? line);
  }
  const count = (button: string) => example.answer<number>(`dead-${button}`, 'dead-count');

  /** Waits until these topics have had a message, in this order, and no others. */
  async function arrived(...topics: string[]): Promise<void> {
    const { messages } = observer;
    await waitFor(() => messages.length >= topics.length, {
      what: `messages on ${topics}`,
      detail: () => example.logs,
    });
    assert.deepEqual(
      messages.map(({ topic }) => topic),
      topics,
    );
  }

  it('sets aside what the broker refuses, and sends what is behind it', async () => {
    await example.press('dead-locked');
    await example.press('dead-open');
    const [reason] = await example.waitShown<string>('dead-refused', 1);
    assert.match(reason ?? '', /deadletters\/locked.*refused.*0x87/);
    await arrived('deadletters/open');
    assert.deepEqual(await letters(), ['refused, deadletters/locked']);
  });

  it('sets aside what has expired while the line was down', async () => {
    await example.press('dead-down');
    await example.waitState('dead-out', 'disconnected');
    await example.press('dead-short');
    await example.waitState('dead-out', 'disconnected', 1);
    // Its two seconds must be over.
    await sleep(2_500);
    await example.press('dead-up');
    await example.waitShown('dead-expired', 1);
    assert.deepEqual(await letters(), ['refused, deadletters/locked', 'expired, deadletters/open']);
    assert.equal(observer.messages.length, 1);
  });

  it('keeps dead letters through SIGKILL; what is refused again on replay is one again', async () => {
    await example.kill();
    await example.restart();
    await example.waitState('dead-out', 'connected');
    assert.deepEqual(await letters(), ['refused, deadletters/locked', 'expired, deadletters/open']);
    const refused = example.shown('dead-refused').length;
    assert.equal(await count('replay-refused'), 1);
    await example.waitShown('dead-refused', refused + 1);
    assert.deepEqual(await letters(), ['expired, deadletters/open', 'refused, deadletters/locked']);
  });

  it('replays the refused only when the topic is unlocked, then all that are left', async () => {
    permit(UNLOCKED);
    await broker.restart();
    await example.waitState('dead-out', 'connected');
    assert.equal(await count('replay-refused'), 1);
    await arrived('deadletters/open', 'deadletters/locked');
    assert.deepEqual(await letters(), ['expired, deadletters/open']);
    assert.equal(await count('replay'), 1);
    await arrived('deadletters/open', 'deadletters/locked', 'deadletters/open');
    assert.deepEqual(await letters(), []);
  });

  it('discards', async () => {
    permit(LOCKED);
    await broker.restart();
    await example.waitState('dead-out', 'connected');
    const refused = example.shown('dead-refused').length;
    await example.press('dead-locked');
    await example.waitShown('dead-refused', refused + 1);
    assert.deepEqual(await letters(), ['refused, deadletters/locked']);
    assert.equal(await count('discard'), 1);
    assert.deepEqual(await letters(), []);
  });
});
