import assert from 'node:assert/strict';
import { qosOf } from '../../nodes/shared/config-values';
import { prepareMessage, publishSettings } from '../../nodes/shared/publish-message';
import { requestedSubscriptions, subscriptionNote } from '../../nodes/shared/subscribe-action';
import { assertMessage } from '../../src/client/message-check';
import { assertTopicFilter, assertTopicName } from '../../src/client/topics';
import { UserCalls } from '../../src/client/user-calls';
import { convertFlows, type FlowNode } from '../../src/convert';
import type { Message } from '../../src/session/message';
import { parseJsonlLine } from '../../src/transfer/jsonl-format';

/** What `String` throws for: made by a function node, and what JSON can hold. */
const WITHOUT_TEXT: unknown[] = [Object.create(null), JSON.parse('{"toString":1,"valueOf":2}'), [Object.create(null)]];

describe('values that have no text', () => {
  it('are named errors as topics, filters and parts of messages', () => {
    for (const value of WITHOUT_TEXT) {
      assert.throws(() => assertTopicName(value), { code: 'ERR_TOPIC' });
      assert.throws(() => assertTopicFilter(value), { code: 'ERR_FILTER' });
      assert.equal(qosOf(value), undefined);
      const message = { topic: 't', payload: Buffer.alloc(0), qos: 1, retain: false };
      assert.throws(() => assertMessage({ ...message, qos: value } as Message), { code: 'ERR_PAYLOAD' });
      const properties = { messageExpiryInterval: value };
      assert.throws(() => assertMessage({ ...message, properties } as Message), { code: 'ERR_PAYLOAD' });
      const msg = { topic: 't', payload: 'x', qos: value, messageExpiryInterval: value };
      assert.equal(prepareMessage(msg, publishSettings({}), 5)?.message.qos, 0);
    }
  });

  it('that a handler throws are reported, and disturb nothing', async () => {
    const reported: Error[] = [];
    const calls = new UserCalls((error) => reported.push(error));
    for (const value of WITHOUT_TEXT) {
      calls.run(() => {
        throw value;
      });
      await calls.settled(() => Promise.reject(value));
    }
    assert.equal(reported.length, 2 * WITHOUT_TEXT.length);
    assert.ok(reported.every((error) => error instanceof Error && error.message !== ''));
  });

  it('and null among properties, are passed over by the converter', () => {
    for (const value of [...WITHOUT_TEXT, null]) {
      const flows = [
        { id: 'b', type: 'mqtt-broker', clientid: value, name: value, tls: value, store: value },
        { id: 's', type: 'subflow', env: [null, value, { name: 'B', type: 'mqtt-broker', value }] },
        { id: 'n', type: 'mqtt in', z: value, broker: '$(B)' },
        { id: 'm', type: 'mqtt out', z: value, broker: 'b' },
      ] as unknown as FlowNode[];
      for (const direction of ['to-persistent', 'to-core'] as const) {
        assert.equal(convertFlows(flows, { direction, newClientId: () => 'nr1' }).flows.length, flows.length);
      }
    }
  });

  it('are named errors in an import', () => {
    const end = { type: 'end', subscriptions: 0, messages: 0, deadLetters: 0 };
    assert.throws(() => parseJsonlLine(JSON.stringify({ ...end, lost: [{ toString: 1 }] }), 5), {
      code: 'ERR_IMPORT_FORMAT',
      details: { line: 5 },
    });
  });
});

describe('values that cannot be kept', () => {
  it('are refused as options of a subscription before any is made', () => {
    const cyclic: Record<string, unknown> = { topic: 'a' };
    cyclic.self = cyclic;
    for (const options of [cyclic, { topic: 'a', size: 10n }]) {
      const [subscription] = requestedSubscriptions([options], 5);
      assert.ok(subscription);
      assert.throws(() => subscriptionNote(subscription), { code: 'ERR_SUBSCRIPTION' });
    }
  });

  it('are refused as correlation data, without taking memory for a list that only says it is long', () => {
    const endless: unknown[] = [];
    endless.length = 2 ** 32 - 1;
    for (const correlationData of [
      endless,
      [Object.create(null)],
      ['a'],
      { type: 'Buffer', data: endless },
      { a: 1 },
    ]) {
      const msg = { topic: 't', payload: 'x', correlationData };
      assert.throws(() => prepareMessage(msg, publishSettings({}), 5), { code: 'ERR_PROPERTY' });
    }
    const bytes = { topic: 't', payload: 'x', correlationData: [1, 2] };
    const message = prepareMessage(bytes, publishSettings({}), 5)?.message;
    assert.deepEqual(message?.properties?.correlationData, Buffer.from([1, 2]));
  });
});
