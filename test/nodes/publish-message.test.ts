import assert from 'node:assert/strict';
import { prepareMessage, publishSettings } from '../../nodes/shared/publish-message';

describe('the message that an out node publishes', () => {
  it('takes topic, qos and retain from the node before the message', () => {
    const settings = publishSettings({ topic: 'set', qos: '0', retain: 'false' });
    const msg = { topic: 'from/message', payload: 'x', qos: 2, retain: true };
    const published = { topic: 'set', qos: 0, retain: false, payload: Buffer.from('x') };
    assert.deepEqual(prepareMessage(msg, settings, 4)?.message, published);
  });

  it('takes them from the message where the node leaves them open', () => {
    const settings = publishSettings({ topic: '', qos: '', retain: '' });
    const msg = { topic: 'from/message', payload: 'x', qos: '1', retain: 'true' };
    const published = { topic: 'from/message', qos: 1, retain: true, payload: Buffer.from('x') };
    assert.deepEqual(prepareMessage(msg, settings, 4)?.message, published);
    const bare = { topic: 'from/message', payload: 'x', qos: 7, retain: 'yes' };
    assert.equal(prepareMessage(bare, settings, 4)?.message.qos, 0);
    assert.equal(prepareMessage(bare, settings, 4)?.message.retain, false);
  });

  it('has its own copy of a Buffer', () => {
    const payload = Buffer.from('before');
    const prepared = prepareMessage({ topic: 'a', payload }, {}, 4);
    payload.write('after!');
    assert.equal(prepared?.message.payload.toString(), 'before');
  });

  it('is none without a payload property', () => {
    assert.equal(prepareMessage({ topic: 'a' }, {}, 5), undefined);
    assert.equal(prepareMessage({ topic: 'a', payload: undefined }, {}, 5)?.message.payload.length, 0);
  });

  const config = {
    respTopic: 'answers',
    correl: 'c',
    contentType: 'text/css',
    expiry: '60',
    userProps: '{"a":1,"b":"x"}',
  };
  const fields = {
    responseTopic: 'other',
    correlationData: Buffer.from('other'),
    contentType: 'text/html',
    messageExpiryInterval: 5,
    userProperties: { c: { d: 1 } },
    payloadFormatIndicator: 'true',
  };

  it('has MQTT 5 properties from the node, else from the message', () => {
    const msg = { topic: 'a', payload: 'x', ...fields };
    assert.deepEqual(prepareMessage(msg, publishSettings(config), 5)?.message.properties, {
      responseTopic: 'answers',
      correlationData: Buffer.from('c'),
      contentType: 'text/css',
      messageExpiryInterval: 60,
      userProperties: { a: '1', b: 'x' },
      payloadFormatIndicator: true,
    });
    assert.deepEqual(prepareMessage(msg, publishSettings({}), 5)?.message.properties, {
      ...fields,
      userProperties: { c: '{"d":1}' },
      payloadFormatIndicator: true,
    });
  });

  it('has no properties before MQTT 5', () => {
    const msg = { topic: 'a', payload: 'x', ...fields };
    assert.ok(!('properties' in (prepareMessage(msg, publishSettings(config), 4)?.message ?? {})));
  });

  it('answers a request: MQTT 5 without topic goes to the response topic', () => {
    const prepared = prepareMessage({ topic: '', payload: 'x', responseTopic: 'answers' }, {}, 5);
    assert.equal(prepared?.message.topic, 'answers');
    assert.throws(() => prepareMessage({ topic: '', payload: 'x', responseTopic: 'answers' }, {}, 4), {
      code: 'ERR_TOPIC',
    });
  });

  const refused: [what: string, msg: Record<string, unknown>, code: string][] = [
    ['a response topic with a wildcard', { responseTopic: 'a/#' }, 'ERR_TOPIC'],
    ['a content type that is too long', { contentType: 'x'.repeat(65_536) }, 'ERR_PROPERTY'],
    ['correlation data that is no bytes', { correlationData: 7 }, 'ERR_PROPERTY'],
    ['an expiry that MQTT cannot carry', { messageExpiryInterval: 2 ** 32 }, 'ERR_PROPERTY'],
    ['a user property that is too long', { userProperties: { a: 'x'.repeat(65_536) } }, 'ERR_PROPERTY'],
  ];
  for (const [what, properties, code] of refused) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => prepareMessage({ topic: 'a', payload: 'x', ...properties }, {}, 5), { code });
    });
  }
});
