import assert from 'node:assert/strict';
import { nodeTypes, renamedFlow, withEditor } from './with-editor';

describe('node definitions in the editor', function () {
  this.timeout(60_000);
  const editor = withEditor(renamedFlow);

  describe('palette and help', () => {
    const labels = {
      'mqtt-persistent-in': 'mqtt in (persistent)',
      'mqtt-persistent-out': 'mqtt out (persistent)',
      'mqtt-session-admin': 'mqtt session admin',
    };
    for (const [type, label] of Object.entries(labels)) {
      it(`shows ${type} as "${label}"`, async () => {
        const entry = editor.page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
        assert.equal(await entry.getAttribute('data-palette-label'), label);
      });
    }

    for (const icon of ['mqtt-sessions-message.svg', 'mqtt-sessions-admin.svg']) {
      it(`has the icon ${icon}`, async () => {
        const response = await fetch(`${editor.url}/icons/@mqtt-sessions/node-red/${icon}`);
        assert.match(await response.text(), /^<svg/);
      });
    }

    for (const type of nodeTypes) {
      it(`has help for ${type}`, async () => {
        assert.match(await editor.help(type), /<h3>Details<\/h3>/);
      });
    }
  });

  describe('validators', () => {
    for (const type of nodeTypes) {
      it(`of ${type} declare two parameters and accept missing fields and environment variables`, async () => {
        const validators = await editor.validators(type);
        assert.ok(Object.keys(validators).length > 0);
        for (const [field, parameters] of Object.entries(validators)) {
          assert.equal(parameters, 2, field);
          assert.equal(await editor.validate(type, field, undefined), true, field);
          // biome-ignore lint/suspicious/noTemplateCurlyInString: the text is what a user enters.
          assert.equal(await editor.validate(type, field, '${VALUE}'), true, field);
        }
      });
    }

    /** What can be anything: names, check boxes, and a payload whose size nobody limits. */
    const free = [
      'name',
      'nl',
      'rap',
      'inputs',
      'autoConnect',
      'usetls',
      'verifyservercert',
      'compatmode',
      'cleansession',
      'autoUnsubscribe',
      'birthPayload',
      'closePayload',
    ];
    const wrong: Record<string, unknown> = { topic: 'a\u0000', birthMsg: { userProps: '[' }, default: '\u0000' };

    for (const type of nodeTypes) {
      it(`of ${type} say what is wrong with any field, and name it`, async () => {
        const fields = await editor.fields(type);
        const validators = await editor.validators(type);
        const checked = fields.filter(({ name, isReference }) => !isReference && !free.includes(name));
        assert.ok(checked.length >= 2);
        for (const { name, label } of checked) {
          assert.ok(name in validators, `${name} has no validator`);
          assert.ok(label, `${name} has no label`);
          const value = wrong[name.endsWith('Msg') ? 'birthMsg' : name] ?? wrong.default;
          const problem = await editor.validate(type, name, value, {}, label);
          assert.ok(typeof problem === 'string', `${name}: ${problem}`);
          assert.ok(problem.startsWith(`${label}: `), problem);
          assert.match(problem.slice(label.length + 2), /^\S+ .*\w/, `${name}: no sentence`);
          assert.doesNotMatch(problem, /__|\w\.errors\./, name);
        }
      });
    }

    const refused: [type: string, field: string, value: unknown, problem: RegExp][] = [
      ['mqtt-persistent-in', 'topic', '', /enter the topic/],
      ['mqtt-persistent-in', 'topic', 'a/#/b', /# must be the last level/],
      ['mqtt-persistent-in', 'topic', 'a/b#', /# must be the last level/],
      ['mqtt-persistent-in', 'topic', 'a/b+/c', /\+ must stand alone/],
      ['mqtt-persistent-in', 'topic', 'a\u0000b', /control character/],
      ['mqtt-persistent-in', 'topic', 'ü'.repeat(32_768), /longer than 65535 bytes/],
      ['mqtt-persistent-in', 'topic', '$share/group', /\$share\/<group>\/<topic>/],
      ['mqtt-persistent-in', 'topic', '$share/gr+up/a', /\+ must stand alone/],
      ['mqtt-persistent-out', 'topic', 'a/+/b', /wildcards/],
      ['mqtt-persistent-out', 'topic', 'a\nb', /control character/],
      ['mqtt-persistent-out', 'respTopic', 'a/#', /wildcards/],
      ['mqtt-persistent-out', 'userProps', '{"a":', /JSON object/],
      ['mqtt-persistent-out', 'userProps', '[1]', /JSON object/],
      ['mqtt-persistent-out', 'expiry', '1.5', /whole number from 0 to 4294967295/],
      ['mqtt-persistent-broker', 'broker', '', /host name or URL/],
      ['mqtt-persistent-broker', 'broker', 'my broker', /no spaces/],
      ['mqtt-persistent-broker', 'broker', 'http://broker', /starts with one of: mqtt, mqtts/],
      ['mqtt-persistent-broker', 'port', '65536', /whole number from 1 to 65535/],
      ['mqtt-persistent-broker', 'port', 'x', /whole number from 1 to 65535/],
      ['mqtt-persistent-broker', 'clientid', 'a\u0007', /control character/],
      ['mqtt-persistent-broker', 'keepalive', '', /whole number from 0 to 65535/],
      ['mqtt-persistent-broker', 'sessionExpiry', '-1', /whole number from 0 to 4294967295/],
      ['mqtt-persistent-broker', 'maxInflight', '0', /whole number from 1 to 65535/],
      ['mqtt-persistent-broker', 'brokerReceiveMaximum', '0', /whole number from 1 to 65535/],
      ['mqtt-persistent-broker', 'maxSendRate', '0', /whole number from 1 to 4294967295/],
      ['mqtt-persistent-broker', 'birthTopic', 'a/#', /wildcards/],
      ['mqtt-persistent-broker', 'willMsg', { delay: 'soon' }, /Delay: enter a whole number/],
      ['mqtt-persistent-broker', 'onSessionLost', 'shrug', /"shrug" is none of: republish, discard/],
      ['mqtt-persistent-broker', 'willPayload', 'x'.repeat(65_536), /longer than 65535 bytes/],
      ['mqtt-persistent-broker', 'willMsg', { correl: 'x'.repeat(65_536) }, /Correlation Data: .* longer than 65535/],
      ['mqtt-persistent-in', 'qos', 3, /"3" is none of: 0, 1, 2/],
      ['mqtt-session-admin', 'clientId', 'a\u0001', /control character/],
      ['mqtt-session-store', 'maxSize', '0.5', /at least 1 MiB/],
      ['mqtt-session-store', 'maxSize', 'much', /at least 1 MiB/],
      ['mqtt-session-store', 'expiry', '1h', /whole number from 0 to 4294967295/],
      ['mqtt-session-admin', 'action', 'explode', /unknown action "explode"/],
    ];
    for (const [type, field, value, problem] of refused) {
      it(`say what is wrong with ${field} = ${JSON.stringify(value).slice(0, 20)} of ${type}`, async () => {
        assert.match(String(await editor.validate(type, field, value)), problem);
      });
    }

    const accepted: [type: string, field: string, value: unknown][] = [
      ['mqtt-persistent-in', 'topic', '#'],
      ['mqtt-persistent-in', 'topic', '+/a/+/#'],
      ['mqtt-persistent-in', 'topic', '/a//b/'],
      ['mqtt-persistent-in', 'topic', '$share/group/a/#'],
      ['mqtt-persistent-out', 'topic', ''],
      ['mqtt-persistent-out', 'topic', 'a b/ü'],
      ['mqtt-persistent-broker', 'broker', '2001:db8::1'],
      ['mqtt-persistent-broker', 'broker', 'wss://broker.example/mqtt'],
      ['mqtt-persistent-broker', 'port', ''],
      ['mqtt-persistent-broker', 'sessionExpiry', ''],
      ['mqtt-persistent-broker', 'brokerReceiveMaximum', ''],
      ['mqtt-persistent-broker', 'clientid', ''],
      ['mqtt-persistent-in', 'qos', 2],
      ['mqtt-persistent-in', 'rh', 0],
      ['mqtt-persistent-out', 'retain', false],
      ['mqtt-persistent-broker', 'protocolVersion', 5],
      ['mqtt-session-store', 'maxSize', 1_073_741_824],
      ['mqtt-session-admin', 'action', ''],
    ];
    for (const [type, field, value] of accepted) {
      it(`accept ${field} = ${JSON.stringify(value)} of ${type}`, async () => {
        assert.equal(await editor.validate(type, field, value), true);
      });
    }
  });
});
