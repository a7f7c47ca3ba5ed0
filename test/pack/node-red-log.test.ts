import * as assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { complaints } from './node-red-log';

describe("the check of Node-RED's log", () => {
  const quiet = [
    '23 Nov 12:21:19 - [info] ',
    '',
    'Welcome to Node-RED',
    '===================',
    '',
    '23 Nov 12:21:20 - [warn] Projects disabled : set editorTheme.projects.enabled=true to enable',
    '23 Nov 12:21:20 - [warn] Encrypted credentials not found',
    '23 Nov 12:21:20 - [info] Started flows',
  ];

  it('accepts information, and what Node-RED itself writes at every start', () => {
    assert.deepEqual(complaints(quiet.join('\n')), []);
  });

  for (const line of [
    '[warn] [@mqtt-sessions/node-red/mqtt-persistent] Type already registered',
    '[error] [mqtt-persistent-out:out] SessionError: refused',
    '[red] Uncaught Exception:',
    '(node:17) [DEP0040] DeprecationWarning: the module is deprecated',
    'TypeError: texts is undefined',
  ]) {
    it(`finds ${line}`, () => {
      const written = line.startsWith('[') ? `23 Nov 12:21:20 - ${line}` : line;
      assert.deepEqual(complaints([...quiet, written, ''].join('\n')), [line]);
    });
  }
});
