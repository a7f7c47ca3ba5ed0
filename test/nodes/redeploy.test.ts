import assert from 'node:assert/strict';
import type { NodeMessage } from 'node-red';
import { Mosquitto } from '../support/mosquitto';
import { Observer, Publisher } from '../support/observer';
import { waitFor } from '../support/wait';
import {
  type DeploymentType,
  Flow,
  type FlowNode,
  helperNode,
  inNode,
  outNode,
  session,
  tab,
  temporaryDirectory,
} from './flow';

const MESSAGES = 600;

describe('a deploy while messages flow (node-red 3452)', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  const deploys: { what: string; type: DeploymentType; change: Record<string, object> }[] = [
    { what: 'of an in node', type: 'nodes', change: { in: { name: 'changed' } } },
    { what: 'of the broker node', type: 'nodes', change: { broker: { keepalive: 59 } } },
    { what: 'of the store node', type: 'nodes', change: { store: { name: 'changed' } } },
    { what: 'of everything', type: 'full', change: {} },
  ];

  for (const { what, type, change } of deploys) {
    it(`${what} loses and doubles nothing`, async () => {
      const clientid = `redeploy-${what.replaceAll(' ', '-')}`;
      const nodes: FlowNode[] = [
        tab,
        ...session({ port: mosquitto.port, directory: temporaryDirectory(), clientid, protocolVersion: 5 }),
        inNode('in', `to/${clientid}`, 'received'),
        outNode('out', { topic: `from/${clientid}`, qos: '2' }),
        helperNode('received'),
      ];
      const observer = await Observer.start({ port: mosquitto.port, filter: `from/${clientid}` });
      const publisher = await Publisher.start({ port: mosquitto.port, window: 50 });
      flow = await Flow.start(nodes);
      await flow.statusState('in', 'connected');
      const published: Promise<void>[] = [];
      let number = 0;
      const burst = () => {
        for (let count = 0; count < MESSAGES / 3; count++) {
          number += 1;
          published.push(publisher.publish(`to/${clientid}`, String(number)));
          flow?.input('out', { payload: number } as NodeMessage & Record<string, unknown>);
        }
      };
      burst();
      const changed = nodes.map((node) => ({ ...node, ...change[node.id] }));
      const deployed = flow.deploy(changed, type);
      for (let count = 0; count < MESSAGES / 3; count++) {
        number += 1;
        published.push(publisher.publish(`to/${clientid}`, String(number)));
      }
      await deployed;
      burst();
      await Promise.all(published);
      await waitFor(() => (flow?.received('received').length ?? 0) >= MESSAGES, {
        what: 'all inbound messages',
        detail: () => `${flow?.received('received').length} of ${MESSAGES}`,
      });
      const outgoing = (MESSAGES / 3) * 2;
      await waitFor(() => observer.messages.length >= outgoing, {
        what: 'all outbound messages',
        detail: () => `${observer.messages.length} of ${outgoing}`,
      });
      const inbound = flow.received('received').map(({ payload }) => Number(payload));
      assert.deepEqual(
        inbound,
        Array.from({ length: MESSAGES }, (_, index) => index + 1),
      );
      const outbound = observer.messages.map(({ payload }) => Number(payload));
      assert.equal(new Set(outbound).size, outgoing);
      assert.equal(outbound.length, outgoing);
      await publisher.stop();
      await observer.stop();
    }).timeout(30_000);
  }
});
