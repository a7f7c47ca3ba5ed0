import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { localizedError, TRANSLATED_CODES } from '../../nodes/shared/error-texts';
import type { Translate } from '../../nodes/shared/texts';
import { errorCode, SessionError } from '../../src/errors';

/** As the runtime looks texts up; `undefined`: it has no catalogue, and answers with the key. */
function translating(language: string | undefined): Translate {
  if (language === undefined) return (key) => `shared.runtime.${key}`;
  const file = path.join(__dirname, '..', '..', 'nodes', 'shared', 'locales', `${language}.json`);
  const { codes } = JSON.parse(fs.readFileSync(file, 'utf8')).shared.runtime as { codes: Record<string, string> };
  return (key, values = {}) => String(codes[key.replace('codes.', '')]).replace('__message__', String(values.message));
}

describe('errors that nodes raise', () => {
  const full = new SessionError('ERR_QUEUE_FULL', 'The session "a" is full.', { details: { clientId: 'a' } });

  it('say in the language of the runtime what their code means, and keep all else', () => {
    const localized = localizedError(full, translating('de'));
    assert.ok(localized instanceof SessionError);
    assert.equal(localized.message, 'Die Session ist voll. (The session "a" is full.)');
    assert.deepEqual([errorCode(localized), localized.details, localized.name], [full.code, full.details, full.name]);
    assert.equal(localized.stack, full.stack);
    assert.equal(full.message, 'The session "a" is full.', 'others have the error, too');
  });

  it('are what they are in English, without a catalogue, and with a code that is not in it', () => {
    assert.equal(localizedError(full, translating('en-US')), full);
    assert.equal(localizedError(full, translating(undefined)), full);
    const other = Object.assign(new Error('no'), { code: 'EWHATEVER' });
    for (const error of [other, new Error('plain'), 'a text', undefined]) {
      assert.equal(localizedError(error, translating('de')), error);
    }
  });

  it('have a text for every code of the list, in each catalogue', () => {
    for (const code of TRANSLATED_CODES) {
      const error = Object.assign(new Error('why'), { code });
      assert.equal(localizedError(error, translating('en-US')), error, code);
      assert.match((localizedError(error, translating('de')) as Error).message, /\. \(why\)$/, code);
    }
  });
});
