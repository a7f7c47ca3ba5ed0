// Topic aliases as the broker gets them: what subscribers receive does not show them.
import assert from 'node:assert/strict';
import { type FlowNode, tab } from '../../nodes/flow';
import { MqttProxy } from '../../support/proxy';
import { coreBroker, coreOut } from '../stage';
import { compare } from '../table';

let proxy: MqttProxy;

compare({
  title: 'topic aliases on the way to the broker',
  versions: [5],
  async nodes(stage): Promise<FlowNode[]> {
    proxy = await new MqttProxy({ brokerPort: stage.mosquitto.port }).start();
    return [tab, coreBroker(stage, { port: proxy.port }), coreOut('out')];
  },
  ready: (stage) => stage.connected(),
  done: () => proxy.stop(),
  rows: [
    {
      title: 'the topic goes with the first message, and is left out of the next',
      async run(stage) {
        const topics: string[] = [];
        proxy.onPacket((direction, packet) => {
          const { topicAlias } = packet.cmd === 'publish' ? (packet.properties ?? {}) : {};
          if (direction === 'toBroker' && packet.cmd === 'publish' && topicAlias !== undefined)
            topics.push(packet.topic);
          return 'forward';
        });
        for (const payload of [1, 2, 3]) {
          stage.flow.input('out', { topic: 'alias/a', payload, qos: 1, topicAlias: 4 });
          await stage.outBarrier('out');
        }
        assert.equal(topics.length, 3);
        return { topics, observed: stage.observedBelow('alias') };
      },
    },
  ],
});
