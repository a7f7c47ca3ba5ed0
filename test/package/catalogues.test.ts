import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { template as brokerForm } from '../../nodes/mqtt-persistent-broker/form';
import { template as inForm } from '../../nodes/mqtt-persistent-in/form';
import { template as outForm } from '../../nodes/mqtt-persistent-out/form';
import { ACTION_NAMES } from '../../nodes/mqtt-session-admin/actions';
import { template as adminForm } from '../../nodes/mqtt-session-admin/form';
import { SORT_FIELDS, STATE_FILTERS } from '../../nodes/mqtt-session-admin/overview-query';
import { template as storeForm } from '../../nodes/mqtt-session-store/form';
import { SYSTEM_CODES } from '../../nodes/shared/error-sentence';
import { ACTIONS } from '../../plugins/mqtt-sessions/sidebar/action-rules';
import { reasonCodeName } from '../../src/connection/reason-codes';
import { errorFacts, SessionError } from '../../src/errors';
import { readSources } from '../architecture/sources';
import { callsIn, hardCodedTexts, literalsIn, markupTexts, translatedAttributes } from './texts-in-sources';

const root = path.resolve(__dirname, '..', '..');
const ORIGINAL = 'en-US';

type Texts = Map<string, string>;

/** Texts by their whole key. */
function flattened(value: unknown, prefix = ''): Texts {
  if (typeof value === 'string') return new Map([[prefix, value]]);
  assert.ok(typeof value === 'object' && value !== null, `${prefix} is no text`);
  return new Map(
    Object.entries(value).flatMap(([key, below]) => [...flattened(below, prefix === '' ? key : `${prefix}.${key}`)]),
  );
}

const readJson = (file: string): unknown => JSON.parse(fs.readFileSync(file, 'utf8'));

/** Every folder with catalogues, and the files in it. */
const folders = ['nodes', 'plugins'].flatMap((top) =>
  fs
    .readdirSync(path.join(root, top))
    .map((name) => path.join(root, top, name, 'locales'))
    .filter((folder) => fs.existsSync(folder)),
);
const languages = [
  ...new Set(folders.flatMap((folder) => fs.readdirSync(folder).map((file) => file.replace(/\.\w+$/, '')))),
];

/** All texts of a language below `nodes` or `plugins`. */
function textsOf(top: string, language: string): Texts {
  const own = folders.filter((folder) => path.relative(root, folder).startsWith(top));
  return new Map(own.flatMap((folder) => [...flattened(readJson(path.join(folder, `${language}.json`)))]));
}

const placeholders = (text: string) => [...text.matchAll(/__\w+?__/g)].map(([name]) => name).sort();

describe('catalogues of texts', () => {
  it('are there in English and German', () => {
    assert.ok(languages.includes(ORIGINAL) && languages.includes('de'), languages.join());
  });

  for (const language of languages.filter((one) => one !== ORIGINAL)) {
    describe(`in ${language}`, () => {
      for (const folder of folders) {
        const place = path.relative(root, folder);

        it(`have the files, keys and placeholders of the English ones: ${place}`, () => {
          const kinds = (one: string) =>
            fs
              .readdirSync(folder)
              .filter((file) => file.startsWith(`${one}.`))
              .map(path.extname);
          assert.deepEqual(kinds(language), kinds(ORIGINAL));
          const original = flattened(readJson(path.join(folder, `${ORIGINAL}.json`)));
          const translated = flattened(readJson(path.join(folder, `${language}.json`)));
          assert.deepEqual([...translated.keys()].sort(), [...original.keys()].sort());
          for (const [key, text] of original) {
            const used = placeholders(translated.get(key) ?? '');
            // A translation that says all itself does not need the English words; see docs/translating.md.
            if (key.startsWith('shared.runtime.codes.') && used.length === 0) continue;
            assert.deepEqual(used, placeholders(text), key);
            assert.notEqual(translated.get(key)?.trim(), '', key);
          }
        });

        if (!fs.existsSync(path.join(folder, `${ORIGINAL}.html`))) continue;
        it(`have the structure of the English help: ${place}`, () => {
          const structure = (one: string) => {
            const html = fs.readFileSync(path.join(folder, `${one}.html`), 'utf8');
            const all = (pattern: RegExp) => [...html.matchAll(pattern)].map(([, value]) => value);
            return {
              node: all(/data-help-name="([^"]+)"/g),
              elements: all(/<(h[1-6]|dt|dd|table|tr|li|ul)\b/g),
              properties: all(/<dt[^>]*>(\w[\w, .]*?) </g),
              code: [...new Set(all(/<code>([^<]+)<\/code>/g))].sort(),
            };
          };
          assert.deepEqual(structure(language), structure(ORIGINAL));
        });
      }
    });
  }

  /** The usual parts of a help text, in their order; a node without inputs or outputs says so. */
  const PARTS: Record<string, string[]> = {
    'en-US': ['Inputs', 'Outputs', 'Details', 'References'],
    de: ['Eingangsdaten', 'Ausgangsdaten', 'Details', 'Referenzen'],
  };
  for (const folder of folders.filter((one) => fs.existsSync(path.join(one, `${ORIGINAL}.html`)))) {
    it(`have help in the usual parts, none of them empty: ${path.relative(root, folder)}`, () => {
      for (const [language, parts] of Object.entries(PARTS)) {
        const html = fs.readFileSync(path.join(folder, `${language}.html`), 'utf8');
        const [introduction = '', ...sections] = html.split('<h3>');
        assert.match(introduction, /<p>\w/);
        assert.deepEqual(
          sections.map((section) => section.slice(0, section.indexOf('</h3>'))),
          parts,
        );
        for (const section of sections) assert.match(section.replace(/^.*?<\/h3>|<[^>]*>/gs, ''), /\w/, section);
        const links = [...(sections.at(-1) ?? '').matchAll(/<li><a href="([^"]+)"/g)].map(([, target = '']) => target);
        assert.ok(links.length > 0, `no reference in ${language}`);
        const pages = links.filter((target) => target.includes('/blob/main/'));
        for (const page of pages)
          assert.ok(fs.existsSync(path.join(root, page.replace(/^.*\/blob\/main\//, ''))), page);
      }
    });
  }

  it('explain every action of the admin node, and no other, in a row of its own', () => {
    for (const language of languages) {
      const html = fs.readFileSync(path.join(root, 'nodes/mqtt-session-admin/locales', `${language}.html`), 'utf8');
      const cells = [...html.matchAll(/<tr><td>(.*?)<\/td>/gs)].map(([, cell = '']) => cell);
      const explained = cells.flatMap((cell) => [...cell.matchAll(/<code>([^<]+)<\/code>/g)].map(([, name]) => name));
      assert.deepEqual(explained.sort(), [...ACTION_NAMES].sort(), language);
    }
  });
});

/** Codes of errors that stand anywhere in the sources; what ends with an underscore, or is of Node.js, begins a code. */
function errorCodes(): string[] {
  const files = [...readSources(['src', 'nodes'], ['.ts'])];
  const found = files.flatMap(([, source]) => literalsIn(source).filter((text) => /^ERR_[A-Z\d_]+$/.test(text)));
  return [...new Set(found)].filter((code) => !code.endsWith('_') && !['ERR_CRYPTO', 'ERR_OSSL'].includes(code)).sort();
}

/** Reason codes of failures, and the few successes that say something, which MQTT 5 has a name for. */
const REASON_CODES = Array.from({ length: 256 }, (_, code) => code).filter(
  (code) => code >= 16 && !reasonCodeName('disconnect', code).startsWith('Reason code'),
);

/** What `errorFacts` names, but for the reason code, which has texts of its own. */
function factNames(): string[] {
  const everything = {
    broker: 'b',
    clientId: 'c',
    path: 'p',
    topic: 't',
    holder: { pid: 1, host: 'h' },
    reasonCode: 135,
  };
  const details = { ...everything, code: 'ECONNREFUSED', count: 1, bytes: 1, free: 1 };
  const facts = errorFacts(new SessionError('ERR_STORE_FULL', 'all', { details }));
  return Object.keys(facts).filter((name) => name !== 'reasonCode');
}

/** Keys that are put together in the code: what stands before, and everything that may follow. */
const COMPUTED: Record<'nodes' | 'plugins', Record<string, readonly string[]>> = {
  nodes: {
    'mqtt-session-admin.hint.': ['message', ...ACTION_NAMES],
    'mqtt-persistent-in.hint.': ['auto', 'manual', 'static', 'dynamic', 'datatype', 'auto-mode'],
    'mqtt-persistent-out.hint.': [
      ...['stored', 'acknowledged', 'clean-session'],
      ...['message', '0', '1', '2'].map((qos) => `qos-${qos}`),
      ...['message', 'false', 'true'].map((retain) => `retain-${retain}`),
    ],
    'mqtt-persistent-broker.hint.': [
      ...['republish', 'discard', 'cleansession-on', 'cleansession-off'],
      ...['3', '4', '5'].map((version) => `protocolVersion-${version}`),
    ],
    'mqtt-persistent-broker.clientid-used.': ['generated', 'replaced'],
    'mqtt-session-store.hint.': ['always', 'interval', 'os', 'reject', 'dropOldest'],
    'mqtt-session-store.test.': ['exists', 'missing', 'too-little', 'free'],
    'mqtt-session-store.test.problem.': ['permission', 'read-only', 'no-folder', 'missing-target', 'full', 'other'],
    // All that the sources raise or name, so that none can be forgotten.
    'shared.runtime.codes.': [...errorCodes(), ...SYSTEM_CODES],
    'shared.runtime.reasons.': REASON_CODES.map(String),
    'shared.runtime.facts.': factNames(),
    'shared.runtime.log.': [
      'removed-session',
      'removed-deadLetters',
      'removed-quarantine',
      'removed-leftover',
      'unacknowledged',
      'unacknowledged-gone',
    ],
  },
  plugins: {
    'menu.': ['to-persistent', 'to-core'],
    'convert.title.': ['to-persistent', 'to-core'],
    'convert.introduction.': ['to-persistent', 'to-core'],
    'convert.obstacle.': ['used-by', 'locked'],
    'convert.warning.': [
      'certificates',
      'client-id-new',
      'client-id-shared',
      'client-id-needed',
      'session-expiry',
      'fields-lost',
    ],
    'sidebar.filter-state.': STATE_FILTERS,
    'sidebar.sort.': SORT_FIELDS,
    'sidebar.status.': ['connected', 'connecting', 'retrying', 'disconnected', 'opening', 'locked', 'stored', 'paused'],
    'sidebar.section.': ['messages', 'failed', 'subscriptions', 'statistics', 'errors'],
    'sidebar.subscription.': ['active', 'requested', 'deactivating', 'inactive', 'removing', 'refused'],
    'sidebar.reason.': ['expired', 'refused', 'packet-too-large', 'retain-unavailable', 'session-lost', 'poisoned'],
    'sidebar.action.': [...ACTIONS, 'cleanup'],
    'sidebar.loss.': ['purge', 'discard', 'delete', 'replace'],
    'sidebar.done.': ['connect', 'disconnect', 'pause', 'resume', 'save', 'reset-stats', 'purge', 'discard'],
    'sidebar.empty.': ['filtered', 'no-nodes', 'no-sessions'],
    'sidebar.obstacle.': ['no-dead-letters', 'nothing-queued', 'not-sending'],
    'sidebar.fact.': ['broker', 'queued', 'inflight', 'bytes', 'oldest', 'failed', 'expiry', 'files', 'created'],
    // Named by the counters of the client; `statistics of the sidebar` below.
    'sidebar.statistic.': [...textsOf('plugins', ORIGINAL).keys()]
      .filter((key) => key.startsWith('sidebar.statistic.'))
      .map((key) => key.slice('sidebar.statistic.'.length)),
  },
};

/** Functions that look texts up: their keys stand below this, in the files whose path begins so. */
const LOOKUPS: Record<'nodes' | 'plugins', readonly [place: string, call: string, below: string][]> = {
  nodes: [
    ['nodes/', 'sessions.text', ''],
    ['nodes/shared/edit', 'text', ''],
    ['nodes/mqtt-session-store/edit', 'testText', 'mqtt-session-store.test.'],
    ['nodes/', 'translate', 'shared.runtime.'],
    ['nodes/', '#translate', 'shared.runtime.'],
  ],
  plugins: [
    ['plugins/mqtt-sessions/convert', 'text', 'convert.'],
    ['plugins/mqtt-sessions/register', 'plugin.text', ''],
    ['plugins/mqtt-sessions/sidebar/', 'text', 'sidebar.'],
    ['plugins/mqtt-sessions/sidebar/', 'label', 'sidebar.fact.'],
  ],
};

/** The forms of the dialogs, as the build makes them. */
const FORMS: Record<string, string> = {
  'nodes/mqtt-persistent-in/form.ts': inForm,
  'nodes/mqtt-persistent-out/form.ts': outForm,
  'nodes/mqtt-persistent-broker/form.ts': brokerForm,
  'nodes/mqtt-session-store/form.ts': storeForm,
  'nodes/mqtt-session-admin/form.ts': adminForm,
};

/** Without catalogues and help; of a form what it becomes. */
const sources = (top: string) =>
  [...readSources([top], ['.ts', '.html'])]
    .filter(([file]) => !file.includes('/locales/') && file !== 'nodes/shared/form.ts')
    .map(([file, source]) => [file, FORMS[file] ?? source] as const);

for (const top of ['nodes', 'plugins'] as const) {
  describe(`texts of ${top}`, () => {
    const catalogue = textsOf(top, ORIGINAL);
    const called = sources(top).flatMap(([file, source]) =>
      LOOKUPS[top]
        .filter(([place]) => file.startsWith(place))
        .flatMap(([, call, below]) =>
          callsIn(source, call).map((key) => ({ file, key: isOwn(key) ? key : below + key })),
        ),
    );
    const shown = sources(top).flatMap(([file, source]) => translatedAttributes(source).map((key) => ({ file, key })));
    const literal = [...called, ...shown].filter(({ key }) => !key.startsWith('node-red:'));

    function isOwn(key: string): boolean {
      return key.startsWith('shared.') || key.startsWith('node-red:');
    }

    it('are all in the catalogue', () => {
      const forms = sources(top).filter(([file]) => file.endsWith('/form.ts'));
      assert.ok(forms.every(([, html]) => html.startsWith('<script type="text/html"')));
      assert.ok(literal.length > 60, `${literal.length} keys were found`);
      const missing = literal.filter(({ key }) => !catalogue.has(key));
      assert.deepEqual(missing, []);
      for (const [prefix, keys] of Object.entries(COMPUTED[top])) {
        for (const key of keys) assert.ok(catalogue.has(prefix + key), prefix + key);
      }
    });

    it('are all used', () => {
      const used = new Set([
        ...literal.map(({ key }) => key),
        ...Object.entries(COMPUTED[top]).flatMap(([prefix, keys]) => keys.map((key) => prefix + key)),
      ]);
      // One text among several: `text(condition ? 'one' : 'other')`.
      const literals = new Set(sources(top).flatMap(([, source]) => literalsIn(source)));
      const belows = LOOKUPS[top].map(([, , below]) => below);
      const isChosen = (key: string) =>
        belows.some((below) => key.startsWith(below) && literals.has(key.slice(below.length)));
      assert.deepEqual(
        [...catalogue.keys()].filter((key) => !used.has(key) && !isChosen(key)),
        [],
      );
    });

    it('are none in the code itself', () => {
      const found = sources(top).flatMap(([file, source]) =>
        [...hardCodedTexts(source), ...markupTexts(source)]
          .filter((text) => !(ALLOWED[text] ?? []).includes(file))
          .map((text) => ({ file, text })),
      );
      assert.deepEqual(found, []);
    });
  });
}

/** What looks like a text for people, and is none, with the files it stands in. */
const ALLOWED: Record<string, readonly string[]> = {
  // Shown where nothing is entered: a name of a folder and a port, the same in every language.
  'mqtt-sessions': ['nodes/mqtt-session-store/form.ts'],
  '1883': ['nodes/mqtt-persistent-broker/form.ts'],
  // Names of events, and a selector.
  'change input': ['nodes/mqtt-persistent-broker/edit.html'],
  'input, select': ['plugins/mqtt-sessions/sidebar/dialog.ts'],
  // The name of a subscriber inside the session; nobody is shown it.
  'client of …': ['nodes/mqtt-persistent-broker/core-client.ts'],
  // Parts of errors, which are put together elsewhere: see `hardCodedTexts`.
  'The session "…" is too large to be exported into a message. Use the command line: mqtt-sessions export.': [
    'nodes/mqtt-session-admin/actions.ts',
  ],
  'There is no such action here. There are: ….': ['nodes/mqtt-session-admin/http-endpoints.ts'],
  'The options of the subscription … cannot be kept: …': ['nodes/shared/subscribe-action.ts'],
  'true or false': ['nodes/mqtt-session-admin/properties.ts'],
  'a whole number of … or above': ['nodes/mqtt-session-admin/properties.ts'],
  'a list of ids, as the action failed gives them': ['nodes/mqtt-session-admin/properties.ts'],
  'a Buffer, or the path of a file': ['nodes/mqtt-session-admin/properties.ts'],
  'an object': ['nodes/mqtt-session-admin/properties.ts'],
};

describe('texts of errors', () => {
  const catalogue = (language: string) => textsOf('nodes', language);

  it('are there for every code that the sources raise, and for every reason code, in each language', () => {
    const codes = errorCodes();
    assert.ok(codes.length > 60 && codes.includes('ERR_QUEUE_FULL') && codes.includes('ERR_MCPS_UTF8'), codes.join());
    for (const language of languages) {
      const texts = catalogue(language);
      const wanted = [
        ...[...codes, ...SYSTEM_CODES].map((code) => `codes.${code}`),
        ...REASON_CODES.map((code) => `reasons.${code}`),
      ];
      assert.deepEqual(
        wanted.filter((key) => !texts.has(`shared.runtime.${key}`)),
        [],
        language,
      );
    }
  });

  it('are the errors own words in English, and the names of MQTT 5', () => {
    const texts = catalogue(ORIGINAL);
    for (const code of errorCodes()) assert.equal(texts.get(`shared.runtime.codes.${code}`), '__message__', code);
    for (const code of REASON_CODES) {
      const text = texts.get(`shared.runtime.reasons.${code}`);
      assert.equal(text?.toLowerCase(), reasonCodeName('disconnect', code).toLowerCase());
    }
  });
});

describe('texts that Node-RED has itself', () => {
  /** Logged with Node-RED's own key, as its own nodes do, although its German catalogue lacks it. */
  const NOT_IN_GERMAN = ['mqtt.state.broker-disconnected'];
  /** What stands behind keys that are put together. */
  const COMPUTED_CORE: Record<string, readonly string[]> = {
    'mqtt.sections-label.': ['birth-message', 'close-message', 'will-message'],
    'mqtt.label.': ['contentType', 'responseTopic', 'correlationData', 'expiry', 'delay', 'cleanstart', 'cleansession'],
    'mqtt.errors.': ['invalid-json-string', 'invalid-json-parse'],
    'common.status.': ['connected', 'connecting', 'disconnected'],
  };

  it('are in its catalogues, in every language of ours', () => {
    const keys = sources('nodes').flatMap(([, source]) =>
      [...source.matchAll(/node-red:([\w.-]+)/g)].flatMap(([, key = '']) =>
        key.endsWith('.') ? (COMPUTED_CORE[key] ?? assert.fail(key)).map((end) => key + end) : [key],
      ),
    );
    assert.ok(keys.length > 50);
    const locales = path.join(path.dirname(require.resolve('@node-red/nodes/package.json')), 'locales');
    for (const language of languages) {
      const catalogue = flattened(readJson(path.join(locales, language, 'messages.json')));
      const missing = [...new Set(keys)].filter((key) => !catalogue.has(key));
      assert.deepEqual(missing, language === 'de' ? NOT_IN_GERMAN : [], language);
    }
  });
});
