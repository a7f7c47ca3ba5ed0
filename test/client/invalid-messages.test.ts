import * as assert from 'node:assert/strict';
import type { Message } from '../../src/session/message';
import { Bed, message } from './bed';

const INVALID: [string, Message, string][] = [
  ['an empty topic', message('a', { topic: '' }), 'ERR_TOPIC'],
  ['a wildcard', message('a', { topic: 'a/+' }), 'ERR_TOPIC'],
  ['NUL in the topic', message('a', { topic: 'a\0b' }), 'ERR_TOPIC'],
  ['half a surrogate pair in the topic', message('a', { topic: 'a\ud800' }), 'ERR_TOPIC'],
  ['a topic of 65,536 bytes', message('a', { topic: 'x'.repeat(65_536) }), 'ERR_TOPIC'],
  ['a payload that is no Buffer', { ...message('a'), payload: 'text' as unknown as Buffer }, 'ERR_PAYLOAD'],
  ['QoS 3', { ...message('a'), qos: 3 as unknown as 2 }, 'ERR_PAYLOAD'],
  ['a negative expiry', message('a', { properties: { messageExpiryInterval: -1 } }), 'ERR_PAYLOAD'],
  ['a wildcard in the response topic', message('a', { properties: { responseTopic: '#' } }), 'ERR_PAYLOAD'],
  [
    'a user property that is no text',
    message('a', { properties: { userProperties: { a: 1 as never } } }),
    'ERR_PAYLOAD',
  ],
];

const WILL = { topic: 'a', payload: Buffer.from('a'), qos: 1, retain: false } as const;

describe('an invalid message', () => {
  const bed = new Bed();

  for (const [what, invalid, code] of INVALID) {
    it(`never enters the queue: ${what}`, async () => {
      const client = await bed.client();
      await assert.rejects(client.publish(invalid), { code });
      await client.open();
      await assert.rejects(client.publish(invalid), { code });
      assert.equal(client.stored.count, 0);
    });
  }

  it('as birth or close message is refused at once', async () => {
    await assert.rejects(bed.client({ birth: { ...WILL, topic: 'a/#' } }), { code: 'ERR_TOPIC' });
    await assert.rejects(bed.client({ close: { ...WILL, topic: '' } }), { code: 'ERR_TOPIC' });
  });
});
