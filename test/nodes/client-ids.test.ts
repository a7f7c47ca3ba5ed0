import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { waitFor } from '../support/wait';
import { catchNode, Flow, type FlowNode, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('client ids', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  it('used by two broker nodes of one store are refused at the second, naming both', async () => {
    const [store, broker] = session({ port: mosquitto.port, directory: temporaryDirectory() }) as [FlowNode, FlowNode];
    const nodes = [
      tab,
      store,
      broker,
      { ...broker, id: 'second', name: 'copy' },
      outNode('out', { topic: 'plant/one', qos: '1' }),
      outNode('other', { topic: 'plant/two', qos: '1', broker: 'second' }),
      catchNode('catch', 'errors', ['other']),
      helperNode('errors'),
    ];
    flow = await Flow.start(nodes);
    await flow.statusState('out', 'connected');
    await flow.statusState('other', 'failed');
    flow.input('other', { payload: 'x', _msgid: 'mine' });
    const caught = await waitFor(() => flow?.caught('errors').find(({ _msgid }) => _msgid === 'mine'), {
      what: 'the error',
    });
    assert.equal(caught.error.code, 'ERR_CLIENT_ID_IN_USE');
    assert.match(caught.error.message, /copy.*second.*plant.*broker/s);
    // The first is not disturbed, and the second comes up when it gets an id of its own.
    await flow.deploy(
      nodes.map((node) => (node.id === 'second' ? { ...node, clientid: 'its-own' } : node)),
      'nodes',
    );
    await flow.statusState('other', 'connected');
    assert.equal(flow.status('out')?.state, 'connected');
  });

  it('are generated when the field is empty, and stay the same over restarts', async () => {
    const directory = temporaryDirectory();
    const nodes = [
      tab,
      ...session({ port: mosquitto.port, directory, clientid: '' }),
      outNode('out', { topic: 'plant', qos: '1' }),
      {
        id: 'admin',
        type: 'mqtt-session-admin',
        z: 'tab',
        x: 0,
        y: 0,
        broker: 'broker',
        action: 'exists',
        wires: [['answers']],
      },
      helperNode('answers'),
    ];
    const clientIds: unknown[] = [];
    for (let start = 0; start < 2; start++) {
      flow = await Flow.start(nodes);
      flow.input('admin', {});
      const [answer] = await flow.messages('answers', 1);
      clientIds.push((answer?.payload as { clientId?: string } | undefined)?.clientId);
      await flow.stop();
      flow = undefined;
    }
    assert.match(String(clientIds[0]), /^nr[0-9a-f]+$/);
    assert.equal(clientIds[1], clientIds[0]);
  });
});
