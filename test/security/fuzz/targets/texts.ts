// Imported files, flows, command lines and messages.
import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  booleanProperty,
  choiceProperty,
  clientIdProperty,
  countProperty,
  fileProperty,
  idsProperty,
  textProperty,
} from '../../../../nodes/mqtt-session-admin/properties';
import { markPublished, prepareMessage, publishSettings } from '../../../../nodes/shared/publish-message';
import { inboundMsg } from '../../../../nodes/shared/received-message';
import {
  filtersToUnsubscribe,
  requestedSubscriptions,
  subscriptionNote,
  subscriptionRequest,
} from '../../../../nodes/shared/subscribe-action';
import { UsageError } from '../../../../src/cli/command';
import { readFlowFile } from '../../../../src/cli/flow-file';
import { parseCall } from '../../../../src/cli/parse';
import { assertMessage } from '../../../../src/client/message-check';
import { convertFlows, type FlowNode } from '../../../../src/convert';
import { recordCodec } from '../../../../src/session/record-codec';
import { RecordKind } from '../../../../src/session/records';
import { checkJsonl } from '../../../../src/transfer/jsonl-import';
import { randomFlow } from '../../../convert/random-flow';
import { mutateBytes } from '../bytes';
import { storageSamples } from '../samples';
import { outcomeLater, outcomeOf, type TargetDefinition } from '../target';
import { anything, DANGEROUS_NAMES, mutatePlain, setOwn, text } from '../values';

const jsonl: TargetDefinition = {
  name: 'jsonl',
  what: 'exported sessions that are imported',
  async open() {
    const { jsonl: sample } = await storageSamples();
    const lines = sample.trimEnd().split('\n');
    const whole = Buffer.from(sample);
    return {
      feed(random) {
        let bytes: Buffer;
        if (random.chance(0.3)) {
          bytes = mutateBytes(random, whole, [whole]);
        } else {
          const some = lines.filter((_line, index) => index === 0 || random.chance(0.3));
          const changed = some.map((line) =>
            random.chance(0.7) ? line : (JSON.stringify(mutatePlain(random, JSON.parse(line))) ?? ''),
          );
          const counts = ['subscription', 'message', 'deadLetter'].map(
            (type) => changed.filter((line) => line.includes(`"type":"${type}"`)).length,
          );
          const [subscriptions, messages, deadLetters] = counts;
          const end = JSON.stringify({ type: 'end', subscriptions, messages, deadLetters, lost: [] });
          bytes = Buffer.from([...changed.filter((line) => !line.includes('"type":"end"')), end, ''].join('\n'));
        }
        async function* parts(): AsyncGenerator<Buffer> {
          for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
        }
        return outcomeLater(bytes.length, () => checkJsonl(parts()));
      },
    };
  },
};

const flows: TargetDefinition = {
  name: 'converter',
  what: 'flow files, and their conversion both ways',
  async open() {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-fuzz-'));
    const file = path.join(directory, 'flows.json');
    const isRefusal = (error: unknown) => error instanceof Error && error.message.startsWith(file);
    return {
      feed(random) {
        const changed = mutatePlain(random, randomFlow(random.below(2 ** 31)));
        const json = Buffer.from(JSON.stringify(changed, undefined, random.pick([0, 4])));
        const bytes = random.chance(0.3) ? mutateBytes(random, json, [json]) : json;
        const convert = (nodes: readonly FlowNode[]) => {
          for (const direction of ['to-persistent', 'to-core'] as const) {
            const { flows: converted } = convertFlows(nodes, { direction, newClientId: () => 'nr1' });
            assert.equal(converted.length, nodes.length);
          }
        };
        if (random.chance(0.5)) {
          const flow: unknown = JSON.parse(json.toString());
          const isFlow =
            Array.isArray(flow) && flow.every((node) => typeof node?.type === 'string' && typeof node.id === 'string');
          if (isFlow) convert(flow as FlowNode[]);
          return { size: bytes.length, accepted: isFlow };
        }
        fs.writeFileSync(file, bytes);
        return outcomeLater(bytes.length, async () => convert((await readFlowFile(file)).flows), isRefusal);
      },
      async close() {
        fs.rmSync(directory, { recursive: true });
      },
    };
  },
};

const COMMAND_LINES = [
  ['list', '/store', '--json'],
  ['inspect', '/store', 'client'],
  ['export', '/store', 'client', '--format', 'jsonl', '--output', 'file'],
  ['import', '/store', 'file', '--replace'],
  ['verify', '/store'],
  ['repair', '/store', '--dry-run'],
  ['cleanup', '/store'],
  ['convert', 'flows.json', '--back', '--output=x'],
];

const commandLines: TargetDefinition = {
  name: 'arguments',
  what: 'command line arguments',
  async open() {
    return {
      feed(random) {
        const words = random.pick(COMMAND_LINES).flatMap((word) => {
          const kind = random.below(8);
          if (kind === 0) return [];
          if (kind === 1) return [text(random)];
          if (kind === 2) return [`--${text(random)}`];
          if (kind === 3) return [word, random.pick(['--', '--json', '--help', '-x', '--no-json', '--json=1', '-'])];
          return [word];
        });
        if (random.chance(0.1)) words.unshift(random.pick(DANGEROUS_NAMES));
        const size = words.join(' ').length;
        return outcomeOf(
          size,
          () => {
            const { call } = parseCall(words);
            for (const word of call?.positionals ?? []) assert.equal(typeof word, 'string');
            for (const name of ['json', 'output', ...DANGEROUS_NAMES]) {
              assert.equal(typeof call?.flag(name), call === undefined ? 'undefined' : 'boolean');
              assert.ok(['string', 'undefined'].includes(typeof call?.option(name)));
            }
          },
          (error) => error instanceof UsageError && error.message !== '',
        );
      },
    };
  },
};

const PROPERTIES = [
  ...['topic', 'payload', 'qos', 'retain', 'responseTopic', 'correlationData', 'contentType', 'userProperties'],
  ...['messageExpiryInterval', 'payloadFormatIndicator', 'topicAlias', 'action', 'clientId', 'file', 'replace', 'from'],
  ...['ids', 'limit', 'after', 'timeout', 'format', 'allowLoss', 'clearAtBroker', 'broker', ...DANGEROUS_NAMES],
];

const messages: TargetDefinition = {
  name: 'messages',
  what: 'msg of the out, in and admin nodes, of any shape, up to the record that is stored',
  async open() {
    const readers: ((msg: Record<string, unknown>, name: string) => unknown)[] = [
      (msg, name) => booleanProperty(msg, name),
      (msg, name) => countProperty(msg, name),
      (msg, name) => textProperty(msg, name),
      (msg, name) => clientIdProperty(msg, name),
      (msg, name) => choiceProperty(msg, name, ['jsonl', 'mcps1']),
      (msg, name) => idsProperty(msg, name),
      (msg) => fileProperty(msg),
      (msg) =>
        requestedSubscriptions(msg.topic, 5).map((one) => [
          subscriptionRequest(one),
          JSON.parse(subscriptionNote(one)),
        ]),
      (msg) => filtersToUnsubscribe(msg.topic, ['a']),
    ];
    return {
      feed(random) {
        const msg: Record<string, unknown> = random.chance(0.9) ? { topic: 'a', payload: 'x' } : Object.create(null);
        for (let count = random.below(5); count > 0; count--) setOwn(msg, random.pick(PROPERTIES), anything(random));
        if (random.chance(0.3)) return outcomeOf(100_000, () => random.pick(readers)(msg, random.pick(PROPERTIES)));
        const version = random.pick([3, 4, 5] as const);
        return outcomeOf(1_000_000, () => {
          const settings = publishSettings(random.chance(0.2) ? { userProps: msg.userProperties, qos: msg.qos } : {});
          const prepared = prepareMessage(msg, settings, version);
          markPublished(msg, settings, prepared, version);
          if (prepared === undefined) return;
          const { message } = prepared;
          assertMessage(message);
          const record = { kind: RecordKind.Enqueued, message, enqueuedAt: 0 } as const;
          const body = Buffer.alloc(recordCodec.size(record));
          recordCodec.write(record, body, 0);
          const stored = recordCodec.read(RecordKind.Enqueued, body);
          assert.ok('message' in stored && stored.message.payload.equals(message.payload));
          const { properties = {}, ...plainMessage } = stored.message;
          inboundMsg({ ...plainMessage, properties } as Parameters<typeof inboundMsg>[0], 'auto-detect', true);
        });
      },
    };
  },
};

export const textTargets = [jsonl, flows, commandLines, messages];
