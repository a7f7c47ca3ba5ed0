import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { Observer, Publisher } from '../support/observer';
import { waitFor } from '../support/wait';
import { type FlowNode, inNode, outNode, tab, temporaryDirectory } from './flow';

/** Uses the built package, as Node-RED loads it. */
describe('in a real Node-RED', () => {
  let mosquitto: Mosquitto;
  let observer: Observer;
  let publisher: Publisher;
  let nodeRed: NodeRedProcess | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
    observer = await Observer.start({ port: mosquitto.port, filter: 'out/#' });
    publisher = await Publisher.start({ port: mosquitto.port });
  });
  after(async () => {
    await nodeRed?.kill();
    await publisher.stop();
    await observer.stop();
    await mosquitto.remove();
  });

  it('the nodes load, keep what they were told through SIGKILL, and say what goes wrong in words', async () => {
    const userDir = temporaryDirectory();
    const broker: FlowNode = {
      id: 'broker',
      type: 'mqtt-persistent-broker',
      name: 'plant',
      broker: '127.0.0.1',
      port: String(mosquitto.port),
      clientid: '',
      cleansession: false,
      protocolVersion: '5',
      keepalive: '60',
    };
    const flows: FlowNode[] = [
      tab,
      broker,
      inNode('in', 'in/#', 'echo'),
      {
        id: 'echo',
        type: 'change',
        z: 'tab',
        x: 0,
        y: 0,
        rules: [{ t: 'set', p: 'topic', pt: 'msg', to: 'out/echo', tot: 'str' }],
        wires: [['out', 'bad']],
      },
      outNode('out', { qos: '2' }),
      outNode('bad', { topic: 'not/#/possible' }),
    ];
    nodeRed = await startNodeRed(userDir, { flows });
    const running = nodeRed;
    // Until the broker has granted the subscription it keeps nothing for it.
    await waitFor(
      async () => {
        await publisher.publish('in/level', 'one');
        return observer.messages.length > 0;
      },
      { what: 'an echo', intervalMs: 100, detail: running.logs },
    );
    await waitFor(() => running.logs().includes('it contains the wildcard'), {
      what: 'the error',
      detail: running.logs,
    });
    assert.doesNotMatch(running.logs(), /shared\.runtime|\[warn\] \[mqtt|Uncaught|unhandled/i);
    assert.ok(fs.existsSync(path.join(userDir, 'mqtt-sessions', 'client-ids.json')));
    await running.kill();

    await publisher.publish('in/level', 'two');
    nodeRed = await startNodeRed(userDir);
    await waitFor(() => observer.messages.some(({ payload }) => payload === 'two'), {
      what: 'the echo of what came meanwhile',
      detail: nodeRed.logs,
    });
    assert.equal(observer.messages.filter(({ payload }) => payload === 'two').length, 1);
    await nodeRed.stop();
  }).timeout(60_000);
});
