import * as assert from 'node:assert/strict';
import { RecordKind } from '../../src/session/records';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { exportJsonl } from '../../src/transfer/jsonl-export';
import { parseJsonlLine } from '../../src/transfer/jsonl-format';
import { importJsonl } from '../../src/transfer/jsonl-import';
import { temporaryDirectory } from '../store/support';
import { deadLettersOf, entriesOf, message, messagesIn, payloadsOf, publishAll, withClient } from './support';

const FULL = message('', {
  payload: Buffer.from([0, 255, 1]),
  qos: 2,
  retain: true,
  topic: 'gebäude/1',
  properties: {
    payloadFormatIndicator: false,
    messageExpiryInterval: 4_000_000_000,
    contentType: 'application/octet-stream',
    responseTopic: 'antwort',
    correlationData: Buffer.from([1, 255]),
    userProperties: { tag: ['a', 'b'], __proto__x: '1' },
  },
});

async function linesOf(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe('a session as lines of JSON', () => {
  const directory = temporaryDirectory();
  let store: SessionStore;

  beforeEach(async () => {
    store = await openSessionStore({
      path: directory(),
      closeWaitMs: 0,
      segmentBytes: 20_000,
      onNotice: () => undefined,
    });
  });

  afterEach(() => store.close());

  const exported = (): Promise<string[]> =>
    withClient('source', store, async (client) => {
      client.restoreSubscription({
        filter: 'a/+',
        qos: 2,
        noLocal: true,
        retainAsPublished: false,
        retainHandling: 1,
        users: '[["node","note"]]',
      });
      await client.publish(message('€ text "quoted"\n'), { origin: { node: 'n', messageId: 'm' } });
      await client.publish(FULL);
      await client.publish(message(''));
      await client.publish(message('\ufeffwith a mark'));
      await client.keepDeadLetter('1', {
        kind: RecordKind.Failed,
        sequence: 1,
        message: FULL,
        enqueuedAt: 1,
        reason: 'refused',
        reasonCode: 0x97,
        reasonString: 'no',
        failedAt: 2,
      });
      return linesOf(exportJsonl(client.copy(), 1_700_000_000_000));
    });

  it('names all of it, in order, and ends with counts', async () => {
    const lines = await exported();
    const entries = lines.map((line, index) => parseJsonlLine(line.trimEnd(), index + 1));
    assert.deepEqual(
      entries.map(({ type }) => type),
      ['session', 'subscription', 'message', 'message', 'message', 'message', 'deadLetter', 'end'],
    );
    assert.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1));
    assert.deepEqual(entries.at(-1), { type: 'end', subscriptions: 1, messages: 4, deadLetters: 1, lost: [] });
    assert.deepEqual(messagesIn(entries)[1]?.message, FULL);
    assert.match(lines[3] ?? '', /"payloadBase64":"AP8B"/);
    assert.match(lines[2] ?? '', /"payload":"€ text \\"quoted\\"\\n"/);
    assert.doesNotMatch(lines.join(''), /password|user:/);
  });

  it('comes into another session as it was, and a second import brings nothing', async () => {
    const lines = await exported();
    await withClient('target', store, async (client) => {
      await publishAll(client, ['own']);
      const first = await importJsonl(lines, client);
      assert.deepEqual(first, {
        clientId: 'source',
        messages: 4,
        duplicates: 0,
        subscriptions: 1,
        deadLetters: 1,
        lost: [],
      });
      const entries = messagesIn(await entriesOf(client.copy()));
      const expected = messagesIn(lines.map((line, index) => parseJsonlLine(line.trimEnd(), index + 1)));
      const plain = ({ message: content, enqueuedAt, origin }: (typeof entries)[number]) => [
        content,
        enqueuedAt,
        origin,
      ];
      assert.deepEqual(entries.slice(1).map(plain), expected.map(plain));
      assert.deepEqual(
        client.subscriptions().map(({ filter, qos, noLocal, state, users }) => [filter, qos, noLocal, state, users]),
        [['a/+', 2, true, 'inactive', '[["node","note"]]']],
      );
      const again = await importJsonl(lines, client);
      assert.deepEqual([again.messages, again.duplicates, again.subscriptions], [0, 4, 0]);
    });
    // Nor in another process, after what was imported is gone.
    await withClient('target', store, async (client) => {
      await client.purge();
      assert.deepEqual((await importJsonl(lines, client)).messages, 0);
      assert.equal(client.stored.count, 0);
      assert.equal((await deadLettersOf(client)).length, 1);
    });
  });

  it('is read in parts of any size', async () => {
    const whole = Buffer.from((await exported()).join(''));
    for (const size of [1, 7, whole.length]) {
      const parts = function* () {
        for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
      };
      await withClient(`target ${size}`, store, async (client) => {
        assert.equal((await importJsonl(parts(), client)).messages, 4);
      });
    }
  });

  it('that was cut is imported as far as it goes, and said to be incomplete; the whole file brings the rest', async () => {
    const lines = await exported();
    await withClient('target', store, async (client) => {
      await assert.rejects(importJsonl(lines.slice(0, 4), client), { code: 'ERR_IMPORT_INCOMPLETE' });
      await assert.rejects(importJsonl([...lines.slice(0, 3), ...lines.slice(4)], client), {
        code: 'ERR_IMPORT_INCOMPLETE',
      });
      assert.equal(client.stored.count, 4);
      await importJsonl(lines, client);
      assert.equal(client.stored.count, 4);
    });
  });

  it('that is something else is refused, naming the line', async () => {
    const lines = await exported();
    const change = (index: number, from: string | RegExp, to: string) =>
      lines.map((line, at) => (at === index ? line.replace(from, to) : line));
    const cases: [string, (string | Uint8Array)[], number][] = [
      ['nothing', [], 1],
      ['text', ['hello\n'], 1],
      ['a list', ['[]\n'], 1],
      ['no header', lines.slice(1), 1],
      ['another format', change(0, 'mqtt-sessions', 'x'), 1],
      ['a newer version', change(0, '"version":1', '"version":2'), 1],
      ['a type that is unknown', change(2, '"type":"message"', '"type":"mess"'), 3],
      ['a QoS of 3', change(2, '"qos":1', '"qos":3'), 3],
      ['a payload that is not base64', change(3, 'AP8B', 'AP8*'), 4],
      ['no topic', change(2, '"topic"', '"topik"'), 3],
      ['a time that is no number', change(2, /"enqueuedAt":[\d.]+/, '"enqueuedAt":1e999'), 3],
      ['a sequence that no record holds', change(2, /"sequence":\d+/, '"sequence":281474976710656'), 3],
      ['a sequence between two', change(2, /"sequence":\d+/, '"sequence":1.5'), 3],
      ['a dead letter that no record holds', change(6, 'gebäude/1', 'x'.repeat(65_536)), 7],
      ['a dead letter with a property of another type', change(6, '"antwort"', '5'), 7],
      ['sequences that do not rise', [...lines.slice(0, 3), lines[2]!, ...lines.slice(3)], 4],
      ['a second session', [...lines.slice(0, 3), lines[0]!], 4],
      ['lines behind the end', [...lines, lines[2]!], 9],
      ['bytes that are not UTF-8', [lines[0]!, Buffer.from([0xff, 0xfe, 0x0a])], 2],
    ];
    for (const [what, content, line] of cases) {
      await withClient('target', store, async (client) => {
        await assert.rejects(importJsonl(content, client), { code: 'ERR_IMPORT_FORMAT', details: { line } }, what);
      });
    }
    await withClient('target', store, async (client) => {
      await assert.rejects(importJsonl(change(2, 'plant/1', 'plant/+'), client), { code: 'ERR_TOPIC' });
    });
  });

  it('may say times that no record holds: they are the latest that one does', async () => {
    const late = (await exported()).map((line) => line.replace(/"(enqueuedAt|failedAt)":[\d.]+/g, '"$1":1e15'));
    await withClient('target', store, async (client) => {
      await importJsonl(late, client);
      const [first] = messagesIn(await entriesOf(client.copy()));
      const [letter] = await client.deadLetters();
      assert.deepEqual([first?.enqueuedAt, letter?.failedAt], [2 ** 48 - 1, 2 ** 48 - 1]);
    });
  });

  it('has every dead letter, also those of other sessions, and when the clock has gone back', async () => {
    await withClient('source', store, async (client) => {
      await publishAll(client, ['a']);
      for (const sequence of [2, 1000]) {
        await client.keepDeadLetter(`${sequence}`, {
          kind: RecordKind.Failed,
          sequence,
          message: message('dead'),
          enqueuedAt: 1,
          reason: 'refused',
          failedAt: 2_000_000_000_000,
        });
      }
      const lines = await linesOf(exportJsonl(client.copy(), 1_700_000_000_000));
      assert.equal(lines.filter((line) => line.includes('"deadLetter"')).length, 2);
    });
  });

  it('is of one moment: what is sent, stored and freed meanwhile does not change it', async () => {
    const payloads = Array.from({ length: 400 }, (_, index) => `${index} ${'x'.repeat(500)}`);
    await withClient('source', store, async (client) => {
      await publishAll(client, payloads);
      const lines = exportJsonl(client.copy(), 1);
      const first = await lines.next();
      const second = await lines.next();
      await client.purge();
      await publishAll(client, ['later']);
      await client.save();
      assert.ok(client.statistics().journalBytes > 200_000, 'kept for the export');
      const rest = [first.value as string, second.value as string, ...(await linesOf(lines))];
      const found = messagesIn(rest.map((line, index) => parseJsonlLine(line.trimEnd(), index + 1)));
      assert.deepEqual(
        found.map((entry) => entry.message.payload.toString()),
        payloads,
      );
      await client.save();
      assert.ok(client.statistics().journalBytes < 60_000, 'freed afterwards');
      assert.deepEqual(await payloadsOf(client), ['later']);
    });
  });

  it('that is not read to its end keeps nothing from being freed', async () => {
    await withClient('source', store, async (client) => {
      await publishAll(
        client,
        Array.from({ length: 400 }, () => 'x'.repeat(500)),
      );
      for await (const line of exportJsonl(client.copy(), 1)) if (line.includes('"message"')) break;
      await client.purge();
      await client.save();
      assert.ok(client.statistics().journalBytes < 60_000);
    });
  });
});
