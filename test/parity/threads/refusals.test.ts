// Refusals tell why in the status, in the log, and to Catch nodes; with core they are an endless "connecting".
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ScriptedBroker } from '../../connection/scripted-broker';
import {
  catchNode,
  completeNode,
  Flow,
  type FlowNode,
  helperNode,
  outNode,
  session,
  tab,
  temporaryDirectory,
} from '../../nodes/flow';
import { Mosquitto } from '../../support/mosquitto';
import { waitFor } from '../../support/wait';

const REFUSALS: [version: 4 | 5, code: number, reason: RegExp][] = [
  [4, 3, /server unavailable/i],
  [4, 4, /bad user ?name or password/i],
  [4, 5, /not authorized/i],
  [5, 0x86, /bad user ?name or password/i],
  [5, 0x87, /not authorized/i],
  [5, 0x88, /server unavailable/i],
  [5, 0x8a, /banned/i],
];

describe('a connection that the broker refuses', function () {
  this.timeout(20_000);
  let broker: ScriptedBroker;
  let flow: Flow | undefined;
  afterEach(async () => {
    await flow?.stop();
    await broker.close();
  });

  for (const [version, code, reason] of REFUSALS) {
    it(`tells why: MQTT ${version === 5 ? '5' : '3.1.1'}, code ${code}`, async () => {
      broker = await ScriptedBroker.listen(version);
      const nodes = (withCatch: boolean): FlowNode[] => [
        tab,
        ...session({ port: broker.port, directory: temporaryDirectory(), protocolVersion: version }),
        outNode('out', { topic: 'x', qos: '1' }),
        ...(withCatch ? [catchNode('catch', 'errors', ['out'])] : []),
        helperNode('errors'),
      ];
      const refuse = async () => {
        const side = await broker.accept();
        await side.next('connect');
        side.send({
          cmd: 'connack',
          sessionPresent: false,
          ...(version === 5 ? { reasonCode: code } : { returnCode: code }),
        });
      };

      flow = await Flow.start(nodes(true));
      await refuse();
      await flow.messages('errors', 1);
      const { error } = flow.caught('errors')[0]!;
      assert.equal(error.code, 'ERR_BROKER_REFUSED');
      assert.match(error.message, reason);
      const status = await flow.statusState('out', 'refused');
      assert.match(status.text ?? '', /^disconnected: /);
      assert.match(status.text ?? '', reason);
      await flow.stop();

      flow = await Flow.start(nodes(false));
      await refuse();
      const running = flow;
      await waitFor(() => running.logged.some(({ level, text }) => level === 'error' && reason.test(text)), {
        what: 'a line in the log',
        detail: () => JSON.stringify(running.logged),
      });
    });
  }
});

describe('node-red 1283: the outcome of each message', function () {
  this.timeout(20_000);
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  after(async () => {
    await flow?.stop();
    await mosquitto.remove();
  });

  it('is told, with the code of the broker, when the node completes at the acknowledgement', async () => {
    const aclFile = path.join(temporaryDirectory(), 'acl');
    fs.writeFileSync(aclFile, 'topic readwrite allowed/#\n', { mode: 0o600 });
    mosquitto = await Mosquitto.start({ configuration: [`acl_file ${aclFile}`] });
    flow = await Flow.start([
      tab,
      ...session({ port: mosquitto.port, directory: temporaryDirectory(), protocolVersion: 5 }),
      outNode('out', { qos: '1', complete: 'acknowledged' }),
      completeNode('complete', 'done', ['out']),
      catchNode('catch', 'errors', ['out']),
      helperNode('done'),
      helperNode('errors'),
    ]);
    flow.input('out', { topic: 'allowed/x', payload: 'taken' });
    flow.input('out', { topic: 'forbidden/x', payload: 'refused' });
    await flow.messages('done', 1);
    await flow.messages('errors', 1);
    assert.deepEqual(
      flow.received('done').map(({ payload }) => payload),
      ['taken'],
    );
    const [caught] = flow.caught('errors');
    assert.equal(caught?.payload, 'refused');
    assert.equal(caught?.error.code, 'ERR_MESSAGE_REFUSED');
    assert.match(caught?.error.message ?? '', /0x87 not authorized/i);
  });
});
