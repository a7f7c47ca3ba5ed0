import assert from 'node:assert/strict';
import { TopicAliasWishes } from '../../src/connection/topic-alias-wishes';
import { Recorder } from './recorder';
import { connack, ScriptedBroker } from './scripted-broker';

describe('topic aliases that a publisher asks for', () => {
  let broker: ScriptedBroker;
  let recorder: Recorder | undefined;
  before(async () => {
    broker = await ScriptedBroker.listen(5);
  });
  afterEach(() => recorder?.close());
  after(() => broker.close());

  /** A connection to a broker with these properties in its CONNACK. */
  async function connect(topicAliases: TopicAliasWishes, properties: Record<string, unknown>) {
    recorder = new Recorder({ url: broker.url, protocolVersion: 5, topicAliases });
    const side = await broker.accept();
    await side.next('connect');
    side.send(connack(5, properties));
    await recorder.waitUp();
    const { connection } = recorder;
    return async (topic: string, bytes = 1) => {
      connection.send({ cmd: 'publish', topic, payload: Buffer.alloc(bytes), qos: 0, retain: false, dup: false });
      connection.flush();
      const packet = await side.next('publish');
      return [packet.topic, packet.properties?.topicAlias];
    };
  }

  it('are set with the topic, then stand for it, and are set anew on another connection', async () => {
    const wishes = new TopicAliasWishes();
    wishes.wish('plant/level', 2);
    const first = await connect(wishes, { topicAliasMaximum: 2 });
    assert.deepEqual(await first('plant/level'), ['plant/level', 2]);
    assert.deepEqual(await first('plant/level'), ['', 2]);
    assert.deepEqual(await first('plant/other'), ['plant/other', undefined]);
    await recorder?.close();
    const second = await connect(wishes, { topicAliasMaximum: 2 });
    assert.deepEqual(await second('plant/level'), ['plant/level', 2]);
  });

  it('can move to another topic', async () => {
    const wishes = new TopicAliasWishes();
    wishes.wish('a', 1);
    const publish = await connect(wishes, { topicAliasMaximum: 1 });
    await publish('a');
    wishes.wish('b', 1);
    assert.deepEqual(await publish('b'), ['b', 1]);
    assert.deepEqual(await publish('b'), ['', 1]);
    assert.deepEqual(await publish('a'), ['a', undefined]);
  });

  it('are not used above the Topic Alias Maximum of the broker (MQTT-3.2.2-17 (5.0))', async () => {
    const wishes = new TopicAliasWishes();
    wishes.wish('a', 3);
    const publish = await connect(wishes, { topicAliasMaximum: 2 });
    assert.deepEqual(await publish('a'), ['a', undefined]);
    await recorder?.close();
    const silent = await connect(wishes, {});
    assert.deepEqual(await silent('a'), ['a', undefined]);
  });

  it('are not set by a packet that they would make too large (MQTT-3.2.2-15 (5.0))', async () => {
    const wishes = new TopicAliasWishes();
    wishes.wish('topic', 1);
    const publish = await connect(wishes, { topicAliasMaximum: 1, maximumPacketSize: 60 });
    assert.deepEqual(await publish('topic', 50), ['topic', undefined]);
    assert.deepEqual(await publish('topic', 20), ['topic', 1]);
    assert.deepEqual(await publish('topic', 50), ['', 1]);
  });
});
