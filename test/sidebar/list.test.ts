import assert from 'node:assert/strict';
import { type Action, offeredActions } from '../../plugins/mqtt-sessions/sidebar/action-rules';
import { sparklinePoints } from '../../plugins/mqtt-sessions/sidebar/sparkline';
import type { Session } from '../../plugins/mqtt-sessions/sidebar/types';
import { visibleRows } from '../../plugins/mqtt-sessions/sidebar/visible-rows';
import { sessionWith } from './sessions';

describe('rows that are seen', () => {
  const seen = (scrollTop: number, total: number, around = 0) =>
    visibleRows({ scrollTop, height: 100, rowHeight: 50 }, total, around);

  it('are those between the edges, also those cut by them', () => {
    assert.deepEqual(seen(0, 1000), { first: 0, count: 2 });
    assert.deepEqual(seen(75, 1000), { first: 1, count: 3 });
    assert.deepEqual(seen(75, 1000, 10), { first: 0, count: 14 });
  });

  it('end where the list ends', () => {
    assert.deepEqual(seen(0, 1), { first: 0, count: 1 });
    assert.deepEqual(seen(0, 0), { first: 0, count: 0 });
    assert.deepEqual(seen(5_000, 10), { first: 10, count: 0 });
  });
});

describe('the line of a queue', () => {
  it('goes from edge to edge, and as high as the largest value', () => {
    assert.equal(sparklinePoints([0, 5, 10], 20, 10, 3), '0,10 10,5 20,0');
  });

  it('ends at the right while there are few values, and shows the newest of many', () => {
    assert.equal(sparklinePoints([0, 10], 20, 10, 5), '15,10 20,0');
    assert.equal(sparklinePoints([99, 0, 10], 20, 10, 2), '0,10 20,0');
    assert.equal(sparklinePoints([3], 20, 10, 5), '');
    assert.equal(sparklinePoints([0, 0], 20, 10, 2), '0,10 20,10');
  });
});

describe('actions on a session', () => {
  const possibleActions = (session: Session) =>
    offeredActions(session).flatMap(({ action, obstacle }) => (obstacle === undefined ? [action] : []));
  const obstacles = (session: Session) =>
    Object.fromEntries(offeredActions(session).map(({ action, obstacle }) => [action, obstacle])) as Record<
      Action,
      string | undefined
    >;

  it('are those that it can do now', () => {
    const connected = possibleActions(sessionWith());
    assert.ok(connected.includes('disconnect') && connected.includes('pause') && connected.includes('flush'));
    for (const action of ['connect', 'resume', 'purge', 'replay', 'discard'] as const) {
      assert.ok(!connected.includes(action), action);
    }
    const waiting = possibleActions(sessionWith({ status: 'retrying', queued: 3, paused: true }));
    for (const action of ['connect', 'disconnect', 'resume', 'purge'] as const)
      assert.ok(waiting.includes(action), action);
    assert.ok(!waiting.includes('flush'));
  });

  it('leave the connection alone where there is none to be', () => {
    const deadLetters = { count: 1, bytes: 100 };
    assert.deepEqual(possibleActions(sessionWith({ status: 'stored', queued: 1, deadLetters })), [
      'pause',
      'replay',
      'export',
      'import',
      'adopt',
      'load',
      'purge',
      'discard',
      'delete',
    ]);
  });

  it('stay with the reason while there is nothing to do, so that no button moves', () => {
    const { replay, discard, purge, flush } = obstacles(sessionWith({ status: 'retrying' }));
    assert.deepEqual(
      [replay, discard, purge, flush],
      ['no-dead-letters', 'no-dead-letters', 'nothing-queued', 'not-sending'],
    );
    const busy = obstacles(sessionWith({ queued: 1, deadLetters: { count: 1, bytes: 9 } }));
    assert.deepEqual([busy.replay, busy.discard, busy.purge, busy.flush], [undefined, undefined, undefined, undefined]);
    assert.equal(obstacles(sessionWith({ deadLetters: { bytes: 9 } })).replay, undefined, 'there, and not counted');
    assert.equal(obstacles(sessionWith({ status: 'stored', asOf: 'snapshot' })).purge, undefined, 'not counted');
    const offered = (session: Session) => offeredActions(session).map(({ action }) => action);
    assert.deepEqual(offered(sessionWith({ queued: 1 })), offered(sessionWith({ queued: 0 })));
  });

  it('are none on what another process has, or what cannot be read', () => {
    assert.deepEqual(possibleActions(sessionWith({ status: 'locked' })), []);
    assert.deepEqual(possibleActions(sessionWith({ status: 'opening' })), []);
    assert.deepEqual(possibleActions(sessionWith({ status: 'stored', clientId: '' })), []);
  });
});
