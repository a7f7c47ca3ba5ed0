import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { NodeMessage } from 'node-red';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import { catchNode, completeNode, Flow, helperNode, inNode, outNode, session, tab, temporaryDirectory } from './flow';

const circular: Record<string, unknown> = {};
circular.self = circular;

const refused: { what: string; msg: NodeMessage; code: string }[] = [
  { what: 'no topic', msg: { payload: 'x' }, code: 'ERR_TOPIC' },
  { what: 'an empty topic', msg: { topic: '', payload: 'x' }, code: 'ERR_TOPIC' },
  { what: 'a wildcard', msg: { topic: 'plant/+', payload: 'x' }, code: 'ERR_TOPIC' },
  { what: 'a control character', msg: { topic: 'plant\u0000', payload: 'x' }, code: 'ERR_TOPIC' },
  { what: 'a circular payload', msg: { topic: 'plant', payload: circular }, code: 'ERR_PAYLOAD' },
  { what: 'a BigInt in an object', msg: { topic: 'plant', payload: { count: 1n } }, code: 'ERR_PAYLOAD' },
  { what: 'a function', msg: { topic: 'plant', payload: () => 1 }, code: 'ERR_PAYLOAD' },
  { what: 'a symbol', msg: { topic: 'plant', payload: Symbol('x') }, code: 'ERR_PAYLOAD' },
  { what: 'an unknown action', msg: { action: 'jump' }, code: 'ERR_ACTION' },
];

describe('an out node', () => {
  let mosquitto: Mosquitto;
  let observer: Observer;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
    observer = await Observer.start({ port: mosquitto.port });
  });
  afterEach(() => flow?.stop());
  after(async () => {
    await observer.stop();
    await mosquitto.remove();
  });

  it('gives what cannot be published to Catch, once, and stores nothing of it', async () => {
    flow = await Flow.start([
      tab,
      ...session({ port: mosquitto.port, directory: temporaryDirectory() }),
      outNode('out', { qos: '1' }),
      catchNode('catch', 'errors'),
      completeNode('completed', 'done', ['out']),
      helperNode('errors'),
      helperNode('done'),
    ]);
    await flow.statusState('out', 'connected');
    for (const { msg } of refused) flow.input('out', { ...msg });
    flow.input('out', { topic: 'plant/good', payload: 'good' });
    await flow.messages('done', 1);
    await flow.messages('errors', refused.length);
    assert.deepEqual(
      flow.caught('errors').map(({ error }) => error.code),
      refused.map(({ code }) => code),
    );
    await waitFor(() => observer.messages.length > 0, { what: 'the good message' });
    assert.deepEqual(
      observer.messages.map(({ topic }) => topic),
      ['plant/good'],
    );
    assert.equal(flow.received('done').length, 1);
  });

  it('completes a message without payload, and sends nothing', async () => {
    const before = observer.messages.length;
    flow = await Flow.start([
      tab,
      ...session({ port: mosquitto.port, directory: temporaryDirectory() }),
      outNode('out', { qos: '1', complete: 'acknowledged' }),
      completeNode('completed', 'done', ['out']),
      helperNode('done'),
    ]);
    await flow.statusState('out', 'connected');
    const bare: NodeMessage = { topic: 'plant/none' };
    flow.input('out', bare);
    flow.input('out', { topic: 'plant/null', payload: null });
    await flow.messages('done', 2);
    await waitFor(() => observer.messages.length > before, { what: 'the empty message' });
    assert.deepEqual(
      observer.messages.slice(before).map(({ topic, payload }) => [topic, String(payload)]),
      [['plant/null', '']],
    );
  });

  it('refuses with the reason while the store cannot be used, and says so', async () => {
    const file = `${temporaryDirectory()}/file`;
    fs.writeFileSync(file, 'no directory');
    flow = await Flow.start([
      tab,
      ...session({ port: mosquitto.port, directory: file }),
      outNode('out', { qos: '1' }),
      catchNode('catch', 'errors', ['out']),
      helperNode('errors'),
    ]);
    await flow.statusState('out', 'failed');
    flow.input('out', { topic: 'plant/lost', payload: 'x', _msgid: 'mine' });
    const caught = await waitFor(() => flow?.caught('errors').find(({ _msgid }) => _msgid === 'mine'), {
      what: 'the refused message',
    });
    assert.equal(caught.error.code, 'ERR_STORE_PATH');
    assert.match(caught.error.message, new RegExp(file));
    assert.match(flow.status('out')?.text ?? '', /^disconnected: /);
    assert.equal(fs.readFileSync(file, 'utf8'), 'no directory');
  });

  it('works as soon as the store can be used, without a deploy', async () => {
    const directory = `${temporaryDirectory()}/sessions`;
    fs.writeFileSync(directory, 'in the way');
    flow = await Flow.start([tab, ...session({ port: mosquitto.port, directory }), outNode('out', { qos: '1' })]);
    await flow.statusState('out', 'failed');
    fs.rmSync(directory);
    await flow.statusState('out', 'connected');
  });
});

describe('an in node', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  it('tells Catch of an invalid topic', async () => {
    flow = await Flow.start([
      tab,
      ...session({ port: mosquitto.port, directory: temporaryDirectory() }),
      inNode('in', 'plant/#/level', 'out'),
      catchNode('catch', 'out', ['in']),
      helperNode('out'),
    ]);
    await flow.messages('out', 1);
    assert.equal(flow.caught('out')[0]?.error.code, 'ERR_FILTER');
    assert.equal(flow.status('in')?.fill, 'red');
  });

  it('tells Catch of a payload that is not what its output asks for', async () => {
    flow = await Flow.start([
      tab,
      ...session({ port: mosquitto.port, directory: temporaryDirectory() }),
      inNode('in', 'plant/json', 'received', { datatype: 'json' }),
      outNode('out', { qos: '1' }),
      catchNode('catch', 'errors', ['in']),
      helperNode('received'),
      helperNode('errors'),
    ]);
    await flow.statusState('in', 'connected');
    flow.input('out', { topic: 'plant/json', payload: '{"broken":' });
    flow.input('out', { topic: 'plant/json', payload: Buffer.from([0xff, 0xfe]) });
    flow.input('out', { topic: 'plant/json', payload: '{"whole":true}' });
    const [msg] = await flow.messages('received', 1);
    assert.deepEqual(msg?.payload, { whole: true });
    assert.deepEqual(
      flow.caught('errors').map(({ error }) => error.message),
      ['node-red:mqtt.errors.invalid-json-parse', 'node-red:mqtt.errors.invalid-json-string'],
    );
    assert.deepEqual(flow.caught('errors')[1]?.payload, Buffer.from([0xff, 0xfe]));
  });
});
