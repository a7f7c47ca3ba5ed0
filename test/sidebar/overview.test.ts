import assert from 'node:assert/strict';
import { BUCKET_MS, DepthHistory } from '../../nodes/mqtt-session-admin/depth-history';
import { type OverviewQuery, overviewPage } from '../../nodes/mqtt-session-admin/overview-query';
import type { Session } from '../../plugins/mqtt-sessions/sidebar/types';
import { NOW, sessionWith } from './sessions';

const all: OverviewQuery = {
  store: '',
  key: '',
  text: '',
  state: 'all',
  sort: 'messages',
  reverse: false,
  offset: 0,
  limit: 100,
};

describe('the history of a queue', () => {
  it('keeps the largest number of each span, of the last five minutes', () => {
    const history = new DepthHistory();
    for (let at = 0; at < 100 * BUCKET_MS; at += 1_000) history.record(at, at === 99 * BUCKET_MS ? 500 : 7);
    const { depths } = history.trend(100 * BUCKET_MS - 1, 9);
    assert.equal(depths.length, 60);
    assert.deepEqual(depths.slice(-3), [7, 500, 9]);
  });

  it('knows how fast it falls, and how long it was at its longest', () => {
    const history = new DepthHistory();
    for (let at = 0; at <= 60_000; at += 2_000) history.record(at, 10_000 - at / 10);
    const { fallingPerSecond, begunWith } = history.trend(60_000, 4_000);
    assert.equal(fallingPerSecond, 100);
    assert.equal(begunWith, 10_000);
    history.record(62_000, 0);
    history.record(64_000, 5);
    assert.deepEqual(history.trend(66_000, 5).begunWith, 5, 'a new queue');
  });

  it('counts what comes while it falls among what it began with: nothing sent becomes unsent', () => {
    const history = new DepthHistory();
    const depths = [100, 90, 80, 70, 93, 80, 60, 65, 40];
    let gone = 0;
    for (const [index, depth] of depths.entries()) {
      history.record(index * 2_000, depth);
      const { begunWith } = history.trend(index * 2_000, depth);
      assert.ok(begunWith - depth >= gone, `${begunWith - depth} are gone, after ${gone}`);
      gone = begunWith - depth;
    }
    const { begunWith } = history.trend(depths.length * 2_000, 40);
    assert.equal(begunWith, 100 + 23 + 5);
    assert.equal(
      history.trend(depths.length * 2_000, 50).begunWith,
      100 + 23 + 5 + 10,
      'and what came since the sample',
    );
  });

  it('begins anew when the queue has grown again', () => {
    const history = new DepthHistory();
    const depths = [1000, 500, 5, 5, 5, 5, 5, 5, 5, 5, 300, 290, 280, 270, 260, 250, 240];
    for (const [index, depth] of depths.entries()) history.record(index * 2_000, depth);
    assert.equal(history.trend(depths.length * 2_000, 230).begunWith, 300);
  });

  it('does not fall while it grows, or when nothing is known', () => {
    assert.deepEqual(new DepthHistory().trend(5, 3), { depths: [3], begunWith: 3, fallingPerSecond: 0 });
    const history = new DepthHistory();
    history.record(0, 1);
    history.record(2_000, 10);
    assert.equal(history.trend(4_000, 20).fallingPerSecond, 0);
  });
});

describe('a page of sessions', () => {
  const session = (clientId: string, values: Partial<Session> = {}) =>
    sessionWith({ clientId, key: `${clientId}~`, ...values });
  const connectionError = { code: 'ERR_BROKER_UNREACHABLE', message: 'It is not there.' };
  const sessions = [
    session('b', { messages: 5, messageBytes: 50, oldestEnqueuedAt: NOW - 10 }),
    session('A', { status: 'retrying', messages: 9, messageBytes: 10, oldestEnqueuedAt: NOW - 99 }),
    session('c', { status: 'stored', orphaned: true, messages: 1, expiresAt: NOW - 1, store: 'other' }),
    session('d', { deadLetters: { count: 2, bytes: 20 }, expiresAt: NOW + 1 }),
    session('e', { deadLetters: { bytes: 20 }, store: 'third', status: 'connecting', connectionError }),
  ];
  const page = (query: Partial<OverviewQuery>) => overviewPage(sessions, { ...all, ...query }, NOW);
  const ids = (query: Partial<OverviewQuery>) => page(query).sessions.map(({ clientId }) => clientId);

  it('is in the order asked for', () => {
    assert.deepEqual(ids({ sort: 'messages' }), ['A', 'b', 'c', 'd', 'e']);
    assert.deepEqual(ids({ sort: 'messages', reverse: true }), ['d', 'e', 'c', 'b', 'A']);
    assert.deepEqual(ids({ sort: 'clientId' }), ['A', 'b', 'c', 'd', 'e']);
    assert.deepEqual(ids({ sort: 'bytes' }), ['b', 'A', 'c', 'd', 'e']);
    assert.deepEqual(ids({ sort: 'oldest' }), ['A', 'b', 'c', 'd', 'e']);
    assert.deepEqual(ids({ sort: 'expiry' }), ['c', 'd', 'A', 'b', 'e']);
    assert.deepEqual(ids({ sort: 'deadLetters' }), ['d', 'e', 'A', 'b', 'c']);
  });

  it('holds what the filter lets through, with its messages; counts are of all', () => {
    assert.deepEqual(ids({ state: 'messages' }), ['A', 'b', 'c']);
    assert.deepEqual(ids({ state: 'trouble' }), ['A', 'c', 'e'], 'also during the next attempt');
    assert.deepEqual(ids({ state: 'failed' }), ['d', 'e'], 'also those that were not counted');
    assert.deepEqual(ids({ text: 'a' }), ['A', 'b', 'c', 'd', 'e'], 'the address of the broker counts, too');
    assert.deepEqual(ids({ text: 'D' }), ['d']);
    const { matching, messages, messageBytes, total, counts } = page({ state: 'expired', store: 'other' });
    assert.deepEqual([matching, messages, messageBytes, total], [1, 1, 0, 5]);
    assert.deepEqual(counts, { all: 5, messages: 3, trouble: 3, orphaned: 1, failed: 2, expired: 1, unused: 1 });
    assert.deepEqual(ids({ key: 'b~', store: 'default' }), ['b']);
    assert.deepEqual(ids({ key: 'b~', store: 'other' }), []);
  });

  it('counts a session that may hold more than its snapshot among those with messages and in trouble', () => {
    const killed = session('killed', { status: 'stored', asOf: 'snapshot', orphaned: true });
    const paused = session('paused', { status: 'locked', asOf: 'snapshot', paused: true });
    const empty = session('empty', { status: 'stored' });
    const { counts, uncounted } = overviewPage([killed, paused, empty], all, NOW);
    assert.deepEqual([counts.messages, counts.trouble, counts.orphaned, counts.unused], [2, 2, 1, 2]);
    assert.equal(uncounted, 2);
  });

  it('is the last one when there are fewer than asked for', () => {
    assert.deepEqual(ids({ offset: 1, limit: 2 }), ['b', 'c']);
    assert.deepEqual(ids({ offset: 99, limit: 2 }), ['d', 'e']);
    assert.equal(page({ offset: 99, limit: 2 }).offset, 3);
  });
});
