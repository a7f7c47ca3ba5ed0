import assert from 'node:assert/strict';
import { ACTION_NAMES } from '../../nodes/mqtt-session-admin/actions';
import { waitFor } from '../support/wait';
import { configTypes, nodeTypes, renamedFlow, withEditor } from './with-editor';

describe('edit dialogs', function () {
  this.timeout(60_000);
  const editor = withEditor(renamedFlow);

  async function text(selector: string): Promise<string> {
    return ((await editor.page.locator(selector).textContent()) ?? '').trim();
  }

  async function isShown(selector: string): Promise<boolean> {
    return editor.page.locator(selector).isVisible();
  }

  /** Pixels between two fields, one above the other. */
  async function gapBelow(above: string, below: string): Promise<number> {
    const boxes = await Promise.all([above, below].map((field) => editor.page.locator(field).boundingBox()));
    const [upper, lower] = boxes;
    assert.ok(upper && lower);
    return lower.y - upper.y - upper.height;
  }

  /** A new config node is chosen in the dialog below once its own dialog is gone. */
  async function configChosen(selector: string): Promise<void> {
    const chosen = async () => !['', '_ADD_'].includes(await editor.page.inputValue(selector));
    await waitFor(chosen, { what: `a config node chosen in ${selector}` });
  }

  /** The text that the editor shows at a field while the mouse is over it: not yet while a dialog slides in below it. */
  async function problemAt(selector: string): Promise<string> {
    const { page } = editor;
    const popover = page.locator('.red-ui-popover:visible');
    const shown = async () => {
      await page.mouse.move(0, 0);
      await page.locator(`${selector}.input-error`).hover();
      return popover.waitFor({ timeout: 1_000 }).then(
        () => popover.textContent(),
        () => undefined,
      );
    };
    return (await waitFor(shown, { what: `a popover at ${selector}` })).trim();
  }

  it('makes an in node with a broker and a store, from their dialogs alone', async () => {
    const { page } = editor;
    const id = await editor.add('mqtt-persistent-in');
    await editor.open(id);
    assert.equal(await page.inputValue('#node-input-qos'), '1');
    await editor.enter('#node-input-topic', 'a/#/b');
    assert.match(await problemAt('#node-input-topic'), /Topic: # must be the last level/);
    await editor.enter('#node-input-topic', 'a/#');
    assert.equal(await page.locator('#node-input-topic.input-error').count(), 0);
    assert.equal(await isShown('#mqtt-persistent-in-tabs'), false, 'MQTT 5 options without a broker');
    assert.equal(await isShown('#node-input-rh'), false);

    await page.click('#node-input-btn-broker-add');
    await editor.enter('#node-config-input-broker', 'broker.example');
    await editor.enter('#node-config-input-port', '0');
    assert.match(await problemAt('#node-config-input-port'), /Port: enter a whole number from 1 to 65535/);
    await editor.enter('#node-config-input-port', '1884');
    assert.equal(await page.inputValue('#node-config-input-protocolVersion'), '4');
    await page.selectOption('#node-config-input-protocolVersion', '5');
    await page.uncheck('#node-config-input-autoConnect');
    await editor.enter('#node-config-input-user', 'gateway');
    await editor.enter('#node-config-input-password', 'secret');
    await editor.selectTab('mqtt-persistent-broker-tab-session', '#node-config-input-clientid');
    assert.equal(await page.isChecked('#node-config-input-cleansession'), false);
    assert.equal(await text('#mqtt-persistent-broker-cleansession-label'), 'Use clean start');
    await editor.enter('#node-config-input-clientid', 'gateway-7');
    await page.selectOption('#node-config-input-onSessionLost', 'discard');
    await editor.selectTab('mqtt-persistent-broker-tab-sending', '#node-config-input-maxInflight');
    assert.equal(await isShown('#node-config-input-brokerReceiveMaximum'), false, 'an MQTT 5 broker says it itself');
    await editor.enter('#node-config-input-maxInflight', '20');
    await editor.enter('#node-config-input-maxSendRate', '50');
    await editor.selectTab('mqtt-persistent-broker-tab-session', '#node-config-input-clientid');

    await page.click('#node-config-input-btn-store-add');
    await editor.enter('#node-config-input-path', 'queue');
    await page.selectOption('#node-config-input-durability', 'interval');
    assert.match(await text('#mqtt-session-store-durability-hint'), /power cut/);
    await editor.selectTab('mqtt-session-store-tab-limits', '#node-config-input-maxSize');
    assert.equal(await page.inputValue('#node-config-input-maxSize'), '1024');
    await editor.enter('#node-config-input-maxSize', '256');
    await page.selectOption('#node-config-input-whenFull', 'dropOldest');
    await editor.doneConfig();
    await configChosen('#node-config-input-store');
    await editor.doneConfig();
    await configChosen('#node-input-broker');

    assert.equal(await isShown('#node-input-topic'), true);
    await editor.selectTab('mqtt-persistent-in-tab-mqtt5', '#node-input-rh');
    assert.equal(await isShown('#node-input-topic'), false);
    await page.selectOption('#node-input-rh', '2');
    await editor.done();

    const node = await editor.exported(id);
    const broker = await editor.exported(String(node.broker));
    const store = await editor.exported(String(broker.store));
    assert.deepEqual(
      { topic: node.topic, qos: node.qos, datatype: node.datatype, rh: node.rh, rap: node.rap, inputs: node.inputs },
      { topic: 'a/#', qos: '1', datatype: 'auto-detect', rh: '2', rap: true, inputs: 0 },
    );
    assert.deepEqual(
      { broker: broker.broker, port: broker.port, protocolVersion: broker.protocolVersion, clientid: broker.clientid },
      { broker: 'broker.example', port: '1884', protocolVersion: '5', clientid: 'gateway-7' },
    );
    assert.equal(broker.cleansession, false);
    assert.equal(broker.autoConnect, false);
    assert.equal(broker.autoUnsubscribe, true);
    assert.equal(broker.sessionExpiry, '');
    assert.equal(broker.maxInflight, '20');
    assert.equal(broker.maxSendRate, '50');
    assert.equal(broker.onSessionLost, 'discard');
    assert.deepEqual(broker.credentials, { user: 'gateway', password: 'secret' });
    assert.deepEqual(
      { path: store.path, durability: store.durability, maxSize: store.maxSize, whenFull: store.whenFull },
      { path: 'queue', durability: 'interval', maxSize: String(256 * 1024 * 1024), whenFull: 'dropOldest' },
    );
    assert.deepEqual(await editor.problems(id), []);
  });

  it('refuses a shared subscription that excludes own messages (MQTT-3.8.3-4 of 5.0)', async () => {
    const node = { topic: '$share/group/a', nl: true, broker: 'renamed-broker' };
    assert.equal(await editor.validate('mqtt-persistent-in', 'topic', node.topic, node), true, 'no MQTT 5: no flag');
    const id = await editor.add('mqtt-persistent-in');
    await editor.open(id);
    await editor.page.click('#node-input-btn-broker-add');
    await editor.enter('#node-config-input-broker', 'shared.example');
    await editor.page.selectOption('#node-config-input-protocolVersion', '5');
    await editor.doneConfig();
    await configChosen('#node-input-broker');
    await editor.enter('#node-input-topic', node.topic);
    await editor.selectTab('mqtt-persistent-in-tab-mqtt5', '#node-input-nl');
    await editor.page.check('#node-input-nl');
    await editor.selectTab('mqtt-persistent-in-tab-main', '#node-input-topic');
    assert.match(await problemAt('#node-input-topic'), /cannot exclude messages published by this client/);
  });

  it('turns an in node into a dynamic one, with an input and without a topic', async () => {
    const { page } = editor;
    const id = await editor.add('mqtt-persistent-in');
    await editor.open(id);
    await page.selectOption('#node-input-broker', 'renamed-broker');
    await editor.enter('#node-input-topic', 'a');
    await page.selectOption('#node-input-topicType', 'dynamic');
    assert.equal(await isShown('#node-input-topic'), false);
    assert.match(await text('#mqtt-persistent-in-topicType-hint'), /what messages to this node tell it/);
    await editor.done();
    const node = await editor.exported(id);
    assert.deepEqual({ topic: node.topic, inputs: node.inputs }, { topic: '', inputs: 1 });
    assert.deepEqual(await editor.problems(id), []);

    await editor.open(id);
    assert.equal(await page.inputValue('#node-input-topicType'), 'dynamic');
    await editor.done();
    assert.equal((await editor.exported(id)).inputs, 1);
  });

  it('leaves the acknowledgement of an in node to the flow, and says when that does nothing', async () => {
    const { page } = editor;
    const brokers = await editor.idsOf('mqtt-persistent-broker');
    const id = await editor.add('mqtt-persistent-in');
    await editor.open(id);
    const hint = () => text('#mqtt-persistent-in-acknowledge-hint');
    await page.selectOption('#node-input-broker', String(brokers.find((broker) => broker !== 'renamed-broker')));
    await editor.enter('#node-input-topic', 'a');
    assert.equal(await page.inputValue('#node-input-acknowledge'), 'auto');
    assert.match(await hint(), /once it is handed to the flow/);
    await page.selectOption('#node-input-acknowledge', 'manual');
    assert.match(await hint(), /action ack/);
    await page.selectOption('#node-input-qos', '0');
    assert.match(await hint(), /choose QoS 1 or 2/);
    await page.selectOption('#node-input-qos', '2');
    await page.selectOption('#node-input-broker', 'renamed-broker');
    assert.match(await hint(), /clean sessions/);
    await editor.done();
    assert.equal((await editor.exported(id)).acknowledge, 'manual');
  });

  it('makes an out node', async () => {
    const { page } = editor;
    const brokers = await editor.idsOf('mqtt-persistent-broker');
    const id = await editor.add('mqtt-persistent-out');
    await editor.open(id);
    assert.equal(await page.inputValue('#node-input-qos'), '1');
    assert.equal(await page.inputValue('#node-input-complete'), 'stored');
    const stored = await text('#mqtt-persistent-out-complete-hint');
    await page.selectOption('#node-input-complete', 'acknowledged');
    assert.notEqual(await text('#mqtt-persistent-out-complete-hint'), stored);

    await page.selectOption('#node-input-broker', 'renamed-broker');
    assert.equal(await isShown('#mqtt-persistent-out-tabs'), false);
    assert.ok(
      (await gapBelow('#mqtt-persistent-out-broker-hint', '#node-input-topic')) < 20,
      'no room where tabs would be',
    );
    await page.selectOption('#node-input-qos', '2');
    assert.match(await text('#mqtt-persistent-out-qos-hint'), /clean sessions/);

    await page.selectOption('#node-input-broker', String(brokers.find((broker) => broker !== 'renamed-broker')));
    assert.equal(await isShown('#mqtt-persistent-out-tabs'), true);
    await editor.selectTab('mqtt-persistent-out-tab-mqtt5', '#node-input-expiry-label');
    // Of a broker without MQTT 5 the part that is shown is the first again.
    await page.selectOption('#node-input-broker', 'renamed-broker');
    assert.equal(await isShown('#node-input-expiry-label'), false);
    assert.equal(await isShown('#node-input-topic'), true);
    await page.selectOption('#node-input-broker', String(brokers.find((broker) => broker !== 'renamed-broker')));
    assert.match(await text('#mqtt-persistent-out-qos-hint'), /has it once/);
    await editor.enter('#node-input-topic', 'plant/power');
    await editor.done();
    const { topic, qos, retain, complete, userProps, respTopic, correl, contentType, expiry } =
      await editor.exported(id);
    assert.deepEqual(
      { topic, qos, retain, complete },
      { topic: 'plant/power', qos: '2', retain: '', complete: 'acknowledged' },
    );
    assert.deepEqual([userProps, respTopic, correl, contentType, expiry], ['', '', '', '', '']);
  });

  it('keeps the MQTT 5 properties of an out node through its dialog', async () => {
    const [id] = (await editor.idsOf('mqtt-persistent-out')).filter((candidate) => candidate !== 'renamed-out');
    const properties = {
      userProps: '{"unit":"kW"}',
      respTopic: 'answers',
      correl: '42',
      contentType: 'text/csv',
      expiry: '60',
    };
    await editor.open(String(id));
    for (const [field, value] of Object.entries(properties)) {
      await editor.page.evaluate(
        `$('#node-input-${field}').typedInput('type', ${JSON.stringify(
          { userProps: 'json', respTopic: 'str', correl: 'str', contentType: 'text/csv', expiry: 'num' }[field],
        )}).typedInput('value', ${JSON.stringify(value)})`,
      );
    }
    await editor.done();
    await editor.open(String(id));
    await editor.done();
    const { userProps, respTopic, correl, contentType, expiry } = await editor.exported(String(id));
    assert.deepEqual({ userProps, respTopic, correl, contentType, expiry }, properties);
  });

  it('makes an admin node', async () => {
    const { page } = editor;
    const id = await editor.add('mqtt-session-admin');
    await editor.open(id);
    await page.selectOption('#node-input-broker', 'renamed-broker');
    assert.deepEqual(
      await page
        .locator('#node-input-action option')
        .evaluateAll((options) => options.map((option) => option.getAttribute('value'))),
      ['', ...ACTION_NAMES],
    );
    await page.selectOption('#node-input-action', 'list');
    assert.equal(await isShown('#node-input-clientId'), false);
    await page.selectOption('#node-input-action', 'info');
    await editor.enter('#node-input-clientId', 'gateway-7');
    await editor.done();
    const { action, clientId, broker } = await editor.exported(id);
    assert.deepEqual({ action, clientId, broker }, { action: 'info', clientId: 'gateway-7', broker: 'renamed-broker' });
    assert.deepEqual(await editor.problems(id), []);
  });

  describe('the folder of a store', () => {
    const result = () => editor.page.locator('#mqtt-session-store-test-result');

    /** Presses Test by the keyboard, and waits for what is said then. */
    async function tested(entered: string, what: RegExp): Promise<string> {
      const { page } = editor;
      await page.fill('#node-config-input-path', entered);
      assert.equal(await result().innerText(), '', 'what was said of another path is gone');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await result().filter({ hasText: what }).waitFor();
      await page.locator('#mqtt-session-store-test:focus').waitFor();
      return result().innerText();
    }

    it('is tested by its button, which says in words what it found', async () => {
      const { page } = editor;
      await editor.openConfig('mqtt-session-store', String((await editor.idsOf('mqtt-session-store'))[0]));
      const said = await tested('new-folder', /can be made/);
      assert.match(said, /^\/.*\/new-folder does not exist yet; it can be made\.\n/);
      assert.match(said, /\n[\d,]+ MiB are free\. Below \d+ MiB nothing new is stored\.\n/);
      assert.match(said, /\nSessions in use there now: 0\.$/);
      assert.equal(await result().getAttribute('role'), 'status');
      assert.match(await tested('', /\/mqtt-sessions exists and can be written/), /in use there now: 1/);
      await tested('flows.json', /cannot be used\.\n?It, or something in its path, is a file/);
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text is what a user enters.
      await tested('${NO_SUCH_FOLDER}', /variable NO_SUCH_FOLDER is not set/);
      const found = { path: '/mnt/nas', exists: true, isNetwork: true, syncsDirectories: false, sessions: 0 };
      const answers: [answer: object, said: RegExp, level: string][] = [
        [{ ...found, freeBytes: 1e9, floorBytes: 2e8 }, /on a network drive.*\n.*cannot sync folders/, 'wait'],
        [{ ...found, freeBytes: 1e6, floorBytes: 2e8 }, /Only 1 MiB are free/, 'bad'],
        [{ ...found, problem: 'EACCES' }, /no permission to write/, 'bad'],
        [{ ...found, problem: 'EROFS' }, /read-only/, 'bad'],
        [{ ...found, problem: 'EWHATEVER' }, /The system says EWHATEVER/, 'bad'],
      ];
      for (const [json, said, level] of answers) {
        await page.route('**/mqtt-sessions/path-test', (route) => route.fulfill({ json }));
        await tested(level, said);
        assert.equal(await result().getAttribute('data-level'), level);
        await page.unroute('**/mqtt-sessions/path-test');
      }
      await page.route('**/mqtt-sessions/path-test', (route) => route.fulfill({ status: 401 }));
      await tested('x', /no permission to test/);
      await page.unroute('**/mqtt-sessions/path-test');
      editor.takeErrors();
    });
  });

  it('shows the client id that the runtime made for a broker node, until another one is entered', async () => {
    await editor.openConfig('mqtt-persistent-broker', 'renamed-broker');
    await editor.selectTab('mqtt-persistent-broker-tab-session', '#node-config-input-clientid');
    const used = editor.page.locator('#mqtt-persistent-broker-clientid-used');
    await used.filter({ hasText: /In use: nr\w{20} – made for this node; it stays the same/ }).waitFor();
    await editor.enter('#node-config-input-clientid', 'gateway-8');
    assert.match(
      await used.innerText(),
      /In use until the next deploy: nr\w{20}\. What waits in that session stays there/,
    );
  });

  describe('a flow moved over from the core nodes', () => {
    for (const id of ['renamed-broker', 'renamed-in', 'renamed-out']) {
      it(`finds nothing wrong with ${id}`, async () => {
        assert.deepEqual(await editor.problems(id), []);
      });
    }

    it('keeps its values through the dialogs, and gets the defaults of new fields', async () => {
      for (const id of ['renamed-in', 'renamed-out']) {
        await editor.open(id);
        await editor.done();
      }
      await editor.openConfig('mqtt-persistent-broker', 'renamed-broker');
      await editor.doneConfig();
      const saved = {
        in: await editor.exported('renamed-in'),
        out: await editor.exported('renamed-out'),
        broker: await editor.exported('renamed-broker'),
      };
      const [broker, node, out] = renamedFlow.slice(1);
      for (const [before, after] of [
        [broker, saved.broker],
        [node, saved.in],
        [out, saved.out],
      ] as [object, Record<string, unknown>][]) {
        for (const [field, value] of Object.entries(before)) {
          assert.deepEqual(String(after[field]), String(value), `${after.id}: ${field}`);
        }
      }
      assert.deepEqual(
        [saved.in.datatype, saved.in.rap, saved.in.nl, saved.out.complete, saved.broker.maxInflight],
        ['auto-detect', true, false, 'stored', '100'],
      );
      assert.deepEqual(
        [saved.broker.onSessionLost, saved.broker.autoUnsubscribe, saved.broker.store, saved.broker.closeRetain],
        ['republish', true, '', 'false'],
      );
    });
  });

  describe('the broker', () => {
    it('keeps birth and will messages with MQTT 5 properties, and drops the properties for MQTT 3.1.1', async () => {
      const { page } = editor;
      const id = 'renamed-broker';
      await editor.openConfig('mqtt-persistent-broker', id);
      await page.selectOption('#node-config-input-protocolVersion', '5');
      await editor.selectTab('mqtt-persistent-broker-tab-messages', '#node-config-input-birthTopic');
      await editor.enter('#node-config-input-birthTopic', 'plant/online');
      await page.evaluate(
        `$('#node-config-input-birth-respTopic').typedInput('type', 'str').typedInput('value', 'answers')`,
      );
      await page.click('#mqtt-persistent-broker-will > summary');
      await editor.enter('#node-config-input-willTopic', 'plant/offline');
      await page.evaluate(`$('#node-config-input-will-delay').typedInput('type', 'num').typedInput('value', '30')`);
      await page.evaluate(`$('#node-config-input-will-contentType').typedInput('type', 'text/plain')`);
      await editor.doneConfig();
      let broker = await editor.exported(id);
      assert.deepEqual(broker.birthMsg, { respTopic: 'answers' });
      assert.deepEqual(broker.willMsg, { contentType: 'text/plain', delay: '30' });
      assert.deepEqual(broker.closeMsg, {});

      await editor.openConfig('mqtt-persistent-broker', id);
      await editor.doneConfig();
      broker = await editor.exported(id);
      assert.deepEqual(broker.birthMsg, { respTopic: 'answers' });
      assert.deepEqual(broker.willMsg, { contentType: 'text/plain', delay: '30' });

      await editor.openConfig('mqtt-persistent-broker', id);
      await page.selectOption('#node-config-input-protocolVersion', '4');
      await editor.doneConfig();
      broker = await editor.exported(id);
      assert.deepEqual([broker.birthMsg, broker.willMsg], [{}, {}]);
      assert.equal(broker.birthTopic, 'plant/online');
    });

    it('takes no port beside a URL, and environment variables in number fields', async () => {
      const { page } = editor;
      await editor.openConfig('mqtt-persistent-broker', 'renamed-broker');
      await editor.enter('#node-config-input-broker', 'wss://broker.example/mqtt');
      assert.equal(await page.isDisabled('#node-config-input-port'), true);
      await editor.enter('#node-config-input-broker', 'broker.example');
      assert.equal(await page.isDisabled('#node-config-input-port'), false);
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text is what a user enters.
      const variable = '${KEEPALIVE}';
      await editor.enter('#node-config-input-keepalive', variable);
      await editor.doneConfig();
      await editor.openConfig('mqtt-persistent-broker', 'renamed-broker');
      assert.equal(await page.inputValue('#node-config-input-keepalive'), variable);
      await editor.doneConfig();
      assert.equal((await editor.exported('renamed-broker')).keepalive, variable);
      assert.deepEqual(await editor.problems('renamed-broker'), []);
    });
  });

  it('names every field, and takes every text from the catalogue', async () => {
    for (const type of nodeTypes) {
      const [id] = await editor.idsOf(type);
      const isConfig = configTypes.includes(type);
      const form = isConfig ? await editor.openConfig(type, String(id)) : await editor.open(String(id));
      const unnamed = await form
        .locator('input[id^="node-"]:not([type=hidden]), select[id^="node-"]')
        .evaluateAll((fields) => {
          const inputs = fields as unknown as { id: string; labels: { length: number; 0?: { textContent: string } } }[];
          return inputs.filter(({ labels }) => !labels[0]?.textContent.trim()).map(({ id }) => id);
        });
      assert.deepEqual(unnamed, [], `fields of ${type} without a label`);
      const untranslated = await form.locator('[data-i18n]').evaluateAll((elements) => {
        const texts = elements as unknown as { textContent: string; placeholder?: string; outerHTML: string }[];
        return texts
          .filter(({ textContent, placeholder }) => !/^[^_]/.test((textContent || placeholder || '').trim()))
          .map(({ outerHTML }) => outerHTML);
      });
      assert.deepEqual(untranslated, [], `elements of ${type} without a text`);
      assert.doesNotMatch(
        String(await form.textContent()),
        /\b(shared|mqtt-(persistent|session)-\w+)\.[a-z]/,
        `keys in ${type}`,
      );
      if (isConfig) {
        await editor.doneConfig();
      } else {
        await editor.done();
      }
    }
  });

  /** Fields whose label says all there is to know. */
  const SELF_EVIDENT = ['name', 'user', 'password'];

  for (const type of nodeTypes) {
    it(`explains every choice of ${type} with a hint, whatever is chosen`, async () => {
      const { page } = editor;
      const [id] = await editor.idsOf(type);
      const form = configTypes.includes(type)
        ? await editor.openConfig(type, String(id))
        : await editor.open(String(id));
      const fields = await form
        .locator('input[id^="node-"]:not([type=hidden]), select[id^="node-"], input[type=checkbox]')
        .evaluateAll((elements) =>
          (elements as unknown as { id: string; closest(selector: string): object | null }[])
            .filter((element) => element.closest('.mqtt-sessions-section') === null)
            .map((element) => element.id),
        );
      const explained = fields.filter((field) => !SELF_EVIDENT.includes(field.replace(/^node-(config-)?input-/, '')));
      assert.ok(explained.length >= 3, explained.join());
      const hintOf = (field: string) =>
        page.evaluate<string>(
          `$('[id="${field}"]').closest('.form-row').find('.mqtt-sessions-hint').not('[role=status]').text().trim()`,
        );
      for (const field of explained) {
        const values = await page.evaluate<string[]>(
          `$('select[id="${field}"] option').get().map((option) => option.value)`,
        );
        // A config node is chosen, not explained by what is chosen.
        const choices = values.some((value) => value === '_ADD_') ? [] : values;
        const chosen = await page.evaluate<string>(`$('[id="${field}"]').val()`);
        for (const value of [...choices, ...(choices.length > 0 ? [chosen] : [])]) {
          await page.evaluate(`$('[id="${field}"]').val('${value}').trigger('change')`);
          assert.match(await hintOf(field), /\S/, `${field} = "${value}"`);
        }
        assert.match(await hintOf(field), /\S/, field);
      }
      const undescribed = await form
        .locator('input[aria-describedby], select[aria-describedby]')
        .evaluateAll((elements) =>
          (elements as unknown as { id: string; getAttribute(name: string): string }[])
            .filter((element) => {
              const ids = element.getAttribute('aria-describedby').split(' ');
              const page = (globalThis as unknown as { document: { getElementById(id: string): object | null } })
                .document;
              return ids.some((hint) => page.getElementById(hint) === null);
            })
            .map((element) => element.id),
        );
      assert.deepEqual(undescribed, [], 'fields described by what is not there');
      await editor.cancelAll();
    });
  }

  it('begin with what is needed, and end with the name', async () => {
    const first: Record<string, string> = {
      'mqtt-persistent-in': 'node-input-broker',
      'mqtt-persistent-out': 'node-input-broker',
      'mqtt-session-admin': 'node-input-broker',
      'mqtt-persistent-broker': 'node-config-input-broker',
      'mqtt-session-store': 'node-config-input-path',
    };
    for (const type of nodeTypes) {
      const [id] = await editor.idsOf(type);
      const isConfig = configTypes.includes(type);
      const form = isConfig ? await editor.openConfig(type, String(id)) : await editor.open(String(id));
      const fields = await form
        .locator('input[id^="node-"]:not([type=hidden]), select[id^="node-"]')
        .evaluateAll((elements) => (elements as unknown as { id: string }[]).map((element) => element.id));
      assert.equal(fields[0], first[type]);
      assert.equal(fields.at(-1), isConfig ? 'node-config-input-name' : 'node-input-name');
      await editor.cancelAll();
    }
  });
});
