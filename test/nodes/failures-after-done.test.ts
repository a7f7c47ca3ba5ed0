import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { waitFor } from '../support/wait';
import { catchNode, completeNode, Flow, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('a message that fails after it was reported stored (node-red 1283)', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  const nodes = (directory: string, out: string) => [
    tab,
    ...session({ port: mosquitto.port, directory, protocolVersion: 5, clientid: 'late' }),
    outNode(out, { qos: '1' }),
    catchNode('catch', 'errors'),
    completeNode('completed', 'done', [out]),
    helperNode('errors'),
    helperNode('done'),
  ];

  for (const survivor of ['out', 'another']) {
    it(`is an error ${survivor === 'out' ? 'at the node that queued it' : "at the broker's nodes, when that one is gone"}, after a restart too`, async () => {
      const directory = temporaryDirectory();
      await mosquitto.stop();
      flow = await Flow.start(nodes(directory, 'out'));
      flow.input('out', { topic: 'plant/late', payload: 'too late', messageExpiryInterval: 0, _msgid: 'mine' });
      await flow.messages('done', 1);
      await flow.stop();

      flow = await Flow.start(nodes(directory, survivor));
      await mosquitto.start();
      const caught = await waitFor(
        () => flow?.caught('errors').find(({ error }) => error.code === 'ERR_MESSAGE_EXPIRED'),
        { what: 'the error', detail: () => JSON.stringify(flow?.received('errors')) },
      );
      assert.equal(caught.error.source.id, survivor === 'out' ? 'out' : 'broker');
      const { topic, payload, qos, retain, _msgid } = caught;
      assert.deepEqual(
        { topic, payload, qos, retain, _msgid },
        {
          topic: 'plant/late',
          payload: 'too late',
          qos: 1,
          retain: false,
          _msgid: 'mine',
        },
      );
      assert.equal(flow.received('done').length, 0);
    }).timeout(20_000);
  }
});
