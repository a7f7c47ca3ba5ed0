import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { SORT_FIELDS, STATE_FILTERS } from '../../nodes/mqtt-session-admin/overview-query';
import { ACTIONS, OBSTACLES } from '../../plugins/mqtt-sessions/sidebar/action-rules';
import { errorText } from '../../plugins/mqtt-sessions/sidebar/error-text';
import { formatsFor } from '../../plugins/mqtt-sessions/sidebar/format';
import { factsOf, levelOf, reasonText, rowTexts } from '../../plugins/mqtt-sessions/sidebar/session-texts';
import type { Session } from '../../plugins/mqtt-sessions/sidebar/types';
import { formats, NOW, sessionWith, text } from './sessions';

const sources = path.resolve(__dirname, '..', '..', 'plugins', 'mqtt-sessions', 'sidebar');

describe('texts of the sidebar', () => {
  const row = (values: Partial<Session>) => rowTexts(sessionWith({ broker: '', ...values }), text, formats, NOW);

  it('says what a session holds, and for how long', () => {
    const { holds, state, marks } = row({
      messages: 1_224,
      queued: 1_204,
      inflight: 20,
      messageBytes: 100_352,
      oldestEnqueuedAt: NOW - 7_300_000,
      maxBytes: 836_267,
    });
    assert.equal(holds, '1,204 queued · 20 in flight · 98 KiB · oldest 2 hr · 12% of the limit');
    assert.equal(state, 'Connected');
    assert.deepEqual(marks, []);
    assert.equal(row({}).holds, 'Nothing waits');
    assert.equal(row({ broker: 'mqtt://plant:1883' }).where, 'mqtt://plant:1883');
  });

  it('has a status that changes only with the connection, for the name of the row', () => {
    const retrying = (wait: number) => row({ status: 'retrying', nextAttemptAt: NOW + wait });
    assert.notEqual(retrying(4_000).state, retrying(3_000).state);
    assert.equal(retrying(4_000).status, 'Not connected');
    assert.equal(retrying(3_000).status, 'Not connected');
    assert.equal(row({ status: 'connecting' }).status, 'Connecting');
    const connectionError = { code: 'ERR_BROKER_UNREACHABLE', message: 'It is not there.' };
    assert.equal(row({ status: 'connecting', connectionError }).status, 'Not connected', 'not at each attempt');
    assert.equal(row({ paused: true }).status, 'Connected, sending paused');
  });

  it('says why there is no connection, and in full where there is room', () => {
    const message =
      'Broker plant:1883 cannot be reached: connect ECONNREFUSED; nothing listens there: check host and port';
    const connectionError = { code: 'ERR_BROKER_UNREACHABLE', message };
    const session: Partial<Session> = { status: 'retrying', nextAttemptAt: NOW + 4_000, connectionError };
    const short = 'Broker plant:1883 cannot be reached: connect ECONNREFUSED';
    assert.equal(row(session).state, `Not connected, next attempt in 4 sec · ${short}`);
    assert.equal(reasonText(sessionWith(session), text), message);
    const error = { code: 'ERR_STORE_FULL', message: 'No room is left.' };
    assert.equal(row({ status: 'opening', error }).state, 'Opening · No room is left.');
    assert.equal(reasonText(sessionWith(), text), '');
  });

  it('never says that nothing waits where that was not counted', () => {
    const lastAccessAt = Date.UTC(2029, 11, 31, 12, 3);
    const time = formats.time(lastAccessAt);
    const of = (values: Partial<Session>) => ({ status: 'stored', asOf: 'snapshot', lastAccessAt, ...values }) as const;
    const nothing = `Not counted since ${time}, may hold messages`;
    assert.equal(row(of({})).holds, nothing);
    assert.equal(row(of({ deadLetters: { bytes: 9 } })).holds, nothing);
    assert.equal(row(of({ lastAccessAt: 0 })).holds, 'Not counted, may hold messages');
    const some = row(of({ messages: 4, queued: 4 })).holds;
    assert.match(some, /^4 queued · /);
    assert.ok(some.endsWith(`counted ${time}, may be different now`), some);
    assert.equal(levelOf(sessionWith(of({}))), 'wait');
    const facts = Object.fromEntries(factsOf(sessionWith(of({})), text, formats, NOW));
    assert.equal(facts.Counted, nothing);
    assert.equal('Counted' in Object.fromEntries(factsOf(sessionWith(), text, formats, NOW)), false);
  });

  it('says when the next attempt to connect comes, and when a session expires', () => {
    assert.equal(row({ status: 'retrying', nextAttemptAt: NOW + 4_200 }).state, 'Not connected, next attempt in 4 sec');
    assert.equal(row({ status: 'stored', expiresAt: NOW + 3 * 86_400_000 }).state, 'Not in use, expires in 3 days');
    assert.equal(row({ status: 'stored', expiresAt: NOW - 1 }).state, 'Not in use, expired');
    const lockedBy = { host: 'plant', pid: 12 };
    assert.equal(row({ status: 'locked', lockedBy }).state, 'In use by another process (plant, process 12)');
  });

  it('shows progress, rate and time left of a queue that becomes shorter', () => {
    const trend = { depths: [1000, 400], begunWith: 1000, fallingPerSecond: 50 };
    const { state, progress } = row({ messages: 400, queued: 400, trend });
    assert.equal(state, 'Connected · 60% sent, 50/s, 8 sec left');
    assert.equal(progress, 0.6);
    assert.equal(row({ messages: 400, trend, paused: true }).progress, undefined);
    assert.equal(row({ messages: 400, trend, status: 'retrying' }).progress, undefined);
    assert.equal(row({ messages: 400, trend: { ...trend, fallingPerSecond: 0 } }).progress, undefined);
    assert.equal(row({ messages: 3, trend: { ...trend, begunWith: 5 } }).progress, undefined, 'gone before it is read');
  });

  it('names the store where there are several, because two may have the same client id', () => {
    const stores = [
      { id: 'default', name: '', path: '/data/mqtt-sessions' },
      { id: 'usb', name: 'USB disk', path: '/media/usb' },
    ];
    const session = sessionWith({ broker: 'mqtt://plant:1883', store: 'usb' });
    const whereIn = (count: number) => rowTexts(session, text, formats, NOW, stores.slice(-count)).where;
    assert.equal(whereIn(1), 'mqtt://plant:1883');
    assert.equal(whereIn(2), 'mqtt://plant:1883 · USB disk');
    const facts = Object.fromEntries(factsOf(sessionWith(), text, formats, NOW, stores));
    assert.equal(facts.Store, '/data/mqtt-sessions');
  });

  it('says in the language of the editor what an error means, with its facts; what it does not know stays', () => {
    const texts: Record<string, string> = { 'runtime.codes.ERR_STORE_FULL': 'Zu wenig Platz.' };
    const german = (key: string, { value }: Record<string, string | number> = {}) =>
      texts[key] ?? (key === 'runtime.facts.path' ? `Pfad ${value}` : key);
    const full = { code: 'ERR_STORE_FULL', message: 'No room.', facts: { path: '/data' } };
    assert.equal(errorText(full, german), 'Zu wenig Platz. (Pfad /data)');
    assert.equal(errorText({ code: 'ERR_OTHER', message: 'Something else.' }, german), 'Something else.');
  });

  it('marks what somebody must look after', () => {
    const { marks } = row({ orphaned: true, paused: true, deadLetters: { count: 3, bytes: 1 } });
    assert.deepEqual(marks, ['Orphaned', 'Paused', 'Dead letters: 3']);
    assert.deepEqual(row({ deadLetters: { bytes: 5 } }).marks, ['Dead letters']);
    assert.equal(row({ deadLetters: { count: 3, bytes: 5 } }).holds, 'Only dead letters');
    assert.equal(levelOf(sessionWith({ status: 'stored', orphaned: true })), 'bad');
    assert.equal(levelOf(sessionWith({ status: 'stored' })), 'idle');
    assert.equal(levelOf(sessionWith({})), 'good');
    assert.equal(levelOf(sessionWith({ paused: true })), 'wait');
    assert.equal(row({ clientId: '' }).name, 'Client id unknown (gateway-7~0)');
  });

  it('lists what is known, with what is not', () => {
    const facts = Object.fromEntries(
      factsOf(sessionWith({ broker: '', expiryInterval: 3600, nextAttemptAt: NOW + 2_000 }), text, formats, NOW),
    );
    assert.equal(facts.Broker, 'none yet');
    assert.equal(facts.Stored, '0 B, 0% of 1 GiB');
    assert.equal(facts.Expires, '1 hr after its last use');
    assert.equal(facts['Next attempt'], 'in 2 sec');
    assert.equal(facts['Dead letters'], '0 (0 B)');
    const uncounted = factsOf(sessionWith({ deadLetters: { bytes: 2048 } }), text, formats, NOW);
    assert.equal(Object.fromEntries(uncounted)['Dead letters'], 'some, not counted (2 KiB)');
  });

  it('are all in the catalogue', () => {
    const used = fs
      .readdirSync(sources)
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => [...fs.readFileSync(path.join(sources, name), 'utf8').matchAll(/\btext\(\s*'([\w.-]+)'/g)])
      .map(([, key = '']) => key);
    assert.ok(used.length > 60, `${used.length} keys were found`);
    for (const key of used) assert.doesNotThrow(() => text(key), key);
  });
});

describe('texts of the sidebar by name', () => {
  const names: Record<string, readonly string[]> = {
    action: [...ACTIONS, 'cleanup'],
    // Of export and import more is said, and flush has two ends.
    done: [...ACTIONS, 'cleanup', 'flush-not', 'load-findings'],
    status: ['connected', 'connecting', 'retrying', 'disconnected', 'opening', 'locked', 'stored', 'paused'],
    subscription: ['requested', 'active', 'deactivating', 'inactive', 'removing', 'refused'],
    reason: ['refused', 'expired', 'packet-too-large', 'retain-unavailable', 'session-lost', 'poisoned'],
    'filter-state': STATE_FILTERS,
    sort: SORT_FIELDS,
    loss: ['purge', 'discard', 'delete', 'replace'],
    obstacle: OBSTACLES,
    section: ['messages', 'failed', 'subscriptions', 'statistics', 'errors'],
  };
  for (const [group, keys] of Object.entries(names)) {
    it(`are there for each ${group}`, () => {
      for (const key of keys) assert.notEqual(text(`${group}.${key}`), '', key);
    });
  }
});

describe('numbers in the sidebar', () => {
  const row1 = (values: Partial<Session>) => rowTexts(sessionWith(values), text, formats, NOW).holds;

  it('have the unit that fits', () => {
    const bytes = [0, 878, 1023, 1024, 1536, 10_240, 1024 ** 2 - 1, 5 * 1024 ** 4, 9_999 * 1024 ** 4];
    assert.deepEqual(
      bytes.map((value) => formats.bytes(value)),
      ['0 B', '878 B', '1,023 B', '1 KiB', '1.5 KiB', '10 KiB', '1 MiB', '5 TiB', '9,999 TiB'],
    );
    const durations = [-5, 999, 61_000, 3_600_000, 90_000_000];
    assert.deepEqual(
      durations.map((value) => formats.duration(value)),
      ['0 sec', '0 sec', '1 min', '1 hr', '1 day'],
    );
  });

  it('do not make nothing of a small share', () => {
    assert.deepEqual([0, 0.000_01, 0.0099, 0.01, 1].map(formats.percent), ['0%', '<1%', '<1%', '1%', '100%']);
    assert.match(row1({ messages: 1, queued: 1, messageBytes: 50 }), /<1% of the limit/);
  });

  it('are written as the language writes them, and in English for one that is not known', () => {
    assert.equal(formatsFor('de').count(1234), '1.234');
    assert.equal(formatsFor('not a language').count(1234), '1,234');
  });
});
