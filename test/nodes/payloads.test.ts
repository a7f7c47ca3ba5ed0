import assert from 'node:assert/strict';
import { type Datatype, encodePayload } from '../../nodes/shared/payload';
import { inboundMsg } from '../../nodes/shared/received-message';
import type { ReceivedMessage } from '../../src/client/router';
import type { MessageProperties } from '../../src/session/message';

const binary = Buffer.from([0xff, 0x00, 0xfe]);

describe('the payload of a message to publish', () => {
  const cases: [what: string, payload: unknown, encoded: string | Buffer][] = [
    ['a string as it is', 'text', 'text'],
    ['a Buffer as it is', binary, binary],
    ['null as nothing', null, ''],
    ['undefined as nothing', undefined, ''],
    ['a number as text', 3.5, '3.5'],
    ['a bigint as text', 12n, '12'],
    ['a boolean as text', false, 'false'],
    ['an object as JSON', { a: [1, 'x'] }, '{"a":[1,"x"]}'],
    ['an array as JSON', [1, 2], '[1,2]'],
  ];
  for (const [what, payload, encoded] of cases) {
    it(`is ${what}`, () => assert.deepEqual(encodePayload(payload), encoded));
  }

  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const payload of [cycle, { count: 1n }, () => 1, Symbol('x'), { toJSON: () => undefined }]) {
    it(`cannot be ${typeof payload === 'object' ? 'an object without JSON' : `a ${typeof payload}`}`, () => {
      assert.throws(() => encodePayload(payload), { code: 'ERR_PAYLOAD' });
    });
  }
});

describe('the payload of a received message', () => {
  const json = Buffer.from('{"a":1}');
  const text = Buffer.from('grün');
  const broken = Buffer.from('{"a":');
  type Expected = { payload: unknown } | { problem: string };
  const cases: [datatype: Datatype, bytes: Buffer, properties: MessageProperties, expected: Expected][] = [
    ['buffer', json, {}, { payload: json }],
    ['base64', binary, {}, { payload: '/wD+' }],
    ['utf8', text, {}, { payload: 'grün' }],
    ['utf8', binary, {}, { payload: binary.toString('utf8') }],
    ['json', json, {}, { payload: { a: 1 } }],
    ['json', broken, {}, { problem: 'invalid-json-parse' }],
    ['json', binary, {}, { problem: 'invalid-json-string' }],
    ['json', binary, { payloadFormatIndicator: true }, { problem: 'invalid-json-parse' }],
    ['auto-detect', json, {}, { payload: { a: 1 } }],
    ['auto-detect', broken, {}, { payload: '{"a":' }],
    ['auto-detect', text, {}, { payload: 'grün' }],
    ['auto-detect', Buffer.from('12'), {}, { payload: 12 }],
    ['auto-detect', binary, {}, { payload: binary }],
    ['auto-detect', binary, { payloadFormatIndicator: true }, { payload: binary.toString('utf8') }],
    ['auto-detect', json, { contentType: 'text/plain' }, { payload: '{"a":1}' }],
    ['auto-detect', json, { contentType: 'image/PNG' }, { payload: json }],
    ['auto-detect', json, { contentType: 'application/json' }, { payload: { a: 1 } }],
    ['auto-detect', broken, { contentType: 'application/json' }, { problem: 'invalid-json-parse' }],
    ['auto-detect', json, { contentType: 'application/unheard-of' }, { payload: { a: 1 } }],
    ['auto', json, {}, { payload: '{"a":1}' }],
    ['auto', json, { contentType: 'application/json' }, { payload: '{"a":1}' }],
    ['auto', broken, { contentType: 'application/json' }, { problem: 'invalid-json-parse' }],
    ['auto', binary, {}, { payload: binary }],
  ];
  for (const [datatype, payload, properties, expected] of cases) {
    it(`is decoded as ${datatype}: ${JSON.stringify(payload.toString())} ${JSON.stringify(properties)}`, () => {
      const result = inboundMsg(received({ payload, properties }), datatype, false);
      if ('problem' in expected) {
        assert.equal('problem' in result && result.problem, expected.problem);
        // What MQTT 5 says to be JSON is shown as text.
        const shown = properties.contentType === undefined ? payload : payload.toString();
        assert.deepEqual(result.msg, { topic: 'a', payload: shown, qos: 1, retain: false });
      } else {
        assert.ok(!('problem' in result));
        assert.deepEqual(result.msg.payload, expected.payload);
      }
    });
  }

  it('comes with the MQTT 5 properties under the names that Node-RED gives them', () => {
    const properties = {
      responseTopic: 'answers',
      correlationData: Buffer.from('7'),
      contentType: 'text/plain',
      messageExpiryInterval: 0,
      payloadFormatIndicator: false,
      userProperties: { unit: 'kW' },
    };
    const { msg } = inboundMsg(received({ properties, redelivered: true }), 'utf8', true);
    assert.deepEqual(msg, {
      topic: 'a',
      payload: 'x',
      qos: 1,
      retain: false,
      redelivered: true,
      _topic: 'a',
      ...properties,
    });
  });
});

function received(fields: Partial<ReceivedMessage>): ReceivedMessage {
  return { topic: 'a', payload: Buffer.from('x'), qos: 1, retain: false, dup: false, redelivered: false, ...fields };
}
