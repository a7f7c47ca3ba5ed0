import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DrainMeter } from '../../nodes/shared/drain-meter';
import { type StatusFacts, sessionStatus } from '../../nodes/shared/status';
import type { ClientState } from '../../src/client/session-client';
import { SessionError } from '../../src/errors';

const texts = (key: string, values: object = {}) => `${key} ${JSON.stringify(values)}`;
const link = (kind: 'idle' | 'connecting' | 'up' | 'waiting') =>
  kind === 'up' ? { kind, since: 0 } : kind === 'waiting' ? { kind, retryAt: 0 } : { kind };
const open = (kind: 'idle' | 'connecting' | 'up' | 'waiting', more: object = {}): ClientState => ({
  kind: 'open',
  link: link(kind),
  contested: false,
  ...more,
});

interface Catalogue {
  [key: string]: string | Catalogue;
}

const facts: StatusFacts = {
  state: undefined,
  failure: undefined,
  stored: 0,
  paused: false,
  draining: undefined,
  protocolVersion: 4,
};

function status(more: Partial<StatusFacts>) {
  return sessionStatus({ ...facts, ...more }, texts);
}

describe('the status of a session', () => {
  it("is exactly Node-RED's own while there is nothing to add", () => {
    const shown = (state: ClientState) => {
      const { fill, shape, text } = status({ state });
      return `${fill} ${shape} ${text}`;
    };
    assert.equal(shown(open('up')), 'green dot node-red:common.status.connected');
    assert.equal(shown(open('connecting')), 'yellow ring node-red:common.status.connecting');
    assert.equal(shown(open('idle')), 'red ring node-red:common.status.disconnected');
    assert.equal(shown(open('waiting')), 'red ring node-red:common.status.disconnected');
    assert.equal(shown({ kind: 'closed' }), 'red ring node-red:common.status.disconnected');
  });

  it('begins with the same word when it says more', () => {
    const draining = { queued: 10, percent: 50, rate: 5 };
    assert.match(status({ state: open('up'), stored: 12, draining }).text, /^connected: status.draining /);
    assert.match(status({ state: open('up'), paused: true }).text, /^connected: status.paused /);
    assert.match(status({ state: open('idle'), stored: 12 }).text, /^disconnected: status.queued \{"count":12\}/);
    assert.equal(status({ state: open('idle'), stored: 12 }).queued, 12);
    assert.match(status({ state: open('connecting'), stored: 12 }).text, /^connecting: status.queued \{"count":12\}/);
  });

  it('says why a broker refused, and of which kind the status is', () => {
    const refused = open('waiting', { end: { kind: 'refused', reasonCode: 4 } });
    assert.equal(status({ state: refused }).text, 'disconnected: reasons.134 {}');
    assert.equal(status({ state: refused }).state, 'refused');
    const refused5 = open('waiting', { end: { kind: 'refused', reasonCode: 0x87 } });
    assert.equal(status({ state: refused5, protocolVersion: 5 }).text, 'disconnected: reasons.135 {}');
    const withoutCatalogue = sessionStatus({ ...facts, state: refused5, protocolVersion: 5 }, (key) => key);
    assert.equal(withoutCatalogue.text, 'disconnected: not authorized');
    assert.match(status({ state: open('waiting', { contested: true }) }).text, /^disconnected: status.contested /);
  });

  describe('can be read below a node', () => {
    /** Texts as they are shown, in a language. */
    const shown = (language: string, more: Partial<StatusFacts>) => {
      const file = path.join(__dirname, '..', '..', 'nodes', 'shared', 'locales', `${language}.json`);
      const { shared } = JSON.parse(fs.readFileSync(file, 'utf8')) as { shared: { runtime: Catalogue } };
      return sessionStatus({ ...facts, ...more }, (key, values = {}) => {
        const text = key
          .split('.')
          .reduce<Catalogue | string>((from, name) => (from as Catalogue)[name] ?? '', shared.runtime);
        assert.equal(typeof text, 'string', key);
        return String(text).replace(/__(\w+)__/g, (_, name: string) => String(values[name]));
      }).text;
    };
    const code = { details: { code: 'ECONNREFUSED' } };
    const unreachable = { kind: 'unreachable', error: new SessionError('ERR_BROKER_UNREACHABLE', 'no', code) };
    const cases: [string, Partial<StatusFacts>, english: string, german: string][] = [
      ['unreachable', { state: open('waiting', { end: unreachable }) }, 'unreachable', 'nicht erreichbar'],
      [
        'unreachable while messages wait',
        { state: open('waiting', { end: unreachable }), stored: 1_000 },
        '1000 queued',
        '1000 wartend',
      ],
      [
        'refused while messages wait',
        { state: open('waiting', { end: { kind: 'refused', reasonCode: 4 } }), stored: 1_000 },
        'refused, 1000 queued',
        'abgelehnt, 1000 wartend',
      ],
      [
        'a client id used twice',
        { state: open('waiting', { contested: true }) },
        'client ID used twice',
        'Client-ID doppelt benutzt',
      ],
      [
        'a client id used twice while messages wait',
        { state: open('waiting', { contested: true }), stored: 1_000 },
        'client ID used twice',
        'Client-ID doppelt benutzt',
      ],
      ['no session', { failure: new SessionError('ERR_STORE_PATH', 'no') }, 'ERR_STORE_PATH', 'ERR_STORE_PATH'],
    ];
    for (const [title, more, english, german] of cases) {
      it(title, () => {
        assert.equal(shown('en-US', more), `disconnected: ${english}`);
        assert.equal(shown('de', more), `disconnected: ${german}`);
        for (const language of ['en-US', 'de']) assert.ok(shown(language, more).length <= 40, shown(language, more));
      });
    }
  });

  it('names who has the session, and says that there is none', () => {
    const holder = { pid: 17, host: 'edge' };
    const locked = new SessionError('ERR_SESSION_LOCKED', 'locked', { details: { holder } });
    const waiting = status({ state: { kind: 'opening', error: locked } });
    assert.equal(waiting.fill, 'yellow');
    assert.match(waiting.text, /17.*edge/);
    const failed = status({ failure: new SessionError('ERR_STORE_PATH', 'no') });
    assert.equal(failed.state, 'failed');
    assert.match(failed.text, /^disconnected: .*ERR_STORE_PATH/);
  });
});

describe('the drain meter', () => {
  it('shows a backlog after two seconds, with the part that is gone and the rate', () => {
    const meter = new DrainMeter();
    assert.equal(meter.observe(1_000, 0, 0), undefined);
    assert.equal(meter.observe(900, 100, 1_000), undefined);
    assert.deepEqual(meter.observe(750, 250, 2_000), { queued: 750, percent: 25, rate: 150 });
    assert.equal(meter.observe(0, 1_000, 3_000), undefined);
    assert.equal(meter.observe(1_000, 1_000, 4_000), undefined);
  });

  it('begins anew with each connection', () => {
    const meter = new DrainMeter();
    meter.observe(1_000, 0, 0);
    meter.observe(undefined, 0, 1_000);
    assert.equal(meter.observe(1_000, 0, 2_500), undefined);
  });
});
