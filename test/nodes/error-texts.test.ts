import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { errorSentence } from '../../nodes/shared/error-sentence';
import { localizedError } from '../../nodes/shared/error-texts';
import type { Translate } from '../../nodes/shared/texts';
import { describeError, errorCode, SessionError } from '../../src/errors';

/** As the runtime looks texts up; `undefined`: it has no catalogue, and answers with the key. */
function translating(language: string | undefined): Translate {
  if (language === undefined) return (key) => `shared.runtime.${key}`;
  const file = path.join(__dirname, '..', '..', 'nodes', 'shared', 'locales', `${language}.json`);
  const { runtime } = JSON.parse(fs.readFileSync(file, 'utf8')).shared as {
    runtime: Record<string, Record<string, string>>;
  };
  return (key, values = {}) => {
    const [group = '', name = ''] = key.split('.');
    const text = runtime[group]?.[name] ?? `shared.runtime.${key}`;
    return text.replace(/__(\w+?)__/g, (_all, value: string) => String(values[value]));
  };
}

const german = (error: Error) => (localizedError(error, translating('de')) as Error).message;

describe('errors that nodes raise', () => {
  const full = new SessionError('ERR_QUEUE_FULL', 'The queue of "a" is full.', {
    details: { clientId: 'a', count: 7 },
  });

  it('are whole sentences in the language of the runtime, with the facts, and keep all else', () => {
    const localized = localizedError(full, translating('de'));
    assert.ok(localized instanceof SessionError);
    assert.match(localized.message, /^Die Session ist voll\. Erhöhen Sie .*\. \(Client-ID a, 7 Nachrichten\)$/);
    assert.deepEqual([errorCode(localized), localized.details, localized.name], [full.code, full.details, full.name]);
    assert.equal(localized.stack, full.stack);
    assert.equal(full.message, 'The queue of "a" is full.', 'others have the error, too');
  });

  it('name the path, the broker, who holds a session, and say in words what a reason code means', () => {
    const refused = (reasonCode: number) =>
      new SessionError('ERR_BROKER_REFUSED', 'x', {
        details: { broker: 'mqtt://plant:1883', clientId: 'a', reasonCode },
      });
    assert.match(german(refused(135)), / \(Broker mqtt:\/\/plant:1883, Client-ID a, nicht berechtigt\)$/);
    assert.match(german(refused(4)), /, Benutzername oder Passwort falsch\)$/, 'a return code of MQTT 3.1.1');
    assert.match(german(refused(0xfe)), /, 0xfe\)$/, 'one that MQTT does not know');
    const details = { path: '/data', free: 5 * 1024 * 1024, floor: 9 };
    assert.match(german(new SessionError('ERR_STORE_FULL', 'x', { details })), / \(Pfad \/data, 5 MiB frei\)$/);
    const holder = { pid: 17, host: 'edge' };
    const locked = new SessionError('ERR_SESSION_LOCKED', 'x', { details: { holder } });
    assert.match(german(locked), / \(Prozess 17, Rechner edge\)$/);
  });

  it('keep the words of the error where one code has many causes', () => {
    const error = new SessionError('ERR_PROPERTY', '"path" must be a text.', { details: { path: 'p' } });
    assert.match(german(error), /ist ungültig\. \("path" must be a text\.\)$/);
  });

  it('are what they are in English, without a catalogue, and with a code that is not in it', () => {
    assert.equal(localizedError(full, translating('en-US')), full);
    assert.equal(localizedError(full, translating(undefined)), full);
    const other = Object.assign(new Error('no'), { code: 'EWHATEVER' });
    for (const error of [other, new Error('plain'), 'a text', undefined]) {
      assert.equal(localizedError(error, translating('de')), error);
    }
  });

  it('are described with nothing but facts that people need, and these shortened', () => {
    const details = {
      clientId: 'c'.repeat(500),
      payload: 'secret',
      password: 'secret',
      nodes: ['a'],
      count: undefined,
    };
    const described = describeError(new SessionError('ERR_QUEUE_FULL', 'full', { details }));
    assert.deepEqual(described, {
      code: 'ERR_QUEUE_FULL',
      message: 'full',
      facts: { clientId: `${'c'.repeat(100)}…` },
    });
    assert.deepEqual(describeError(new Error('plain')), { code: 'ERR_UNKNOWN', message: 'plain' });
    const { code, message, facts = {} } = JSON.parse(JSON.stringify(describeError(full)));
    assert.equal(errorSentence(code, message, facts, translating('de')), german(full), 'the same in the editor');
  });
});
