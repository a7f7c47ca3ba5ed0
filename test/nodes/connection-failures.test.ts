import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { Mosquitto } from '../support/mosquitto';
import { freePort } from '../support/ports';
import { waitFor } from '../support/wait';
import { catchNode, Flow, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('a connection that cannot be made', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start({ credentials: { username: 'plant', password: 'right' } });
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  const nodes = (broker: Record<string, unknown>) => [
    tab,
    ...session({ port: mosquitto.port, directory: temporaryDirectory(), ...broker }),
    outNode('out', { topic: 'plant', qos: '1' }),
    catchNode('catch', 'errors', ['out']),
    helperNode('errors'),
  ];

  it('because nothing listens there is shown with the reason', async () => {
    flow = await Flow.start(nodes({ port: await freePort() }));
    await flow.messages('errors', 1);
    assert.equal(flow.caught('errors')[0]?.error.code, 'ERR_BROKER_UNREACHABLE');
    const shown = await waitFor(() => flow?.statuses.find(({ status }) => /unreachable/.test(status.text ?? '')), {
      what: 'the reason in the status',
      detail: () => JSON.stringify(flow?.statuses),
    });
    assert.match(shown.status.text ?? '', /^disconnected: /);
  });

  it('reaches Catch once, although attempts go on', async () => {
    let attempts = 0;
    const server = net.createServer((socket) => {
      attempts += 1;
      socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      flow = await Flow.start(nodes({ port: (server.address() as net.AddressInfo).port }));
      await waitFor(() => attempts >= 2, { what: 'a second attempt' });
      await waitFor(() => /no session|unreachable/.test(flow?.status('out')?.text ?? ''), {
        what: 'the reason in the status',
        detail: () => JSON.stringify(flow?.statuses),
      });
      assert.equal(flow.received('errors').length, 1);
    } finally {
      server.close();
    }
  });

  it('says while it is attempted how many messages wait', async () => {
    // Takes the connection and never answers CONNECT: the attempt goes on.
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.resume();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      flow = await Flow.start(nodes({ port: (server.address() as net.AddressInfo).port }));
      const shown = await flow.statusState('out', 'connecting');
      assert.equal(shown.text, 'node-red:common.status.connecting', 'nothing to add');
      for (let number = 1; number <= 3; number++) flow.input('out', { payload: number });
      const status = await waitFor(
        () => flow?.statuses.find(({ id, status: { queued } }) => id === 'out' && queued === 3),
        {
          what: 'a status with three messages',
          detail: () => JSON.stringify(flow?.statuses),
        },
      );
      const { fill, shape, text, state } = status.status;
      assert.deepEqual({ fill, shape, state }, { fill: 'yellow', shape: 'ring', state: 'connecting' });
      // Without catalogues the helper's runtime answers with the key.
      assert.match(text ?? '', /^connecting: .*queued/);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  for (const protocolVersion of [4, 5]) {
    it(`because of wrong credentials is shown with the reason: MQTT ${protocolVersion}`, async () => {
      flow = await Flow.start(nodes({ protocolVersion }), {
        credentials: { broker: { user: 'plant', password: 'wrong' } },
      });
      const [caught] = await flow.messages('errors', 1);
      const { code, message } = (caught as { error: { code: string; message: string } }).error;
      assert.equal(code, 'ERR_BROKER_REFUSED');
      assert.match(message, /user name or password|not authori[sz]ed/i);
      assert.doesNotMatch(message, /wrong/);
      const status = await flow.statusState('out', 'refused');
      assert.match(status.text ?? '', /^disconnected: (bad user name or password|not authorized)/);
    });
  }

  it('is made with the right credentials', async () => {
    flow = await Flow.start(nodes({}), { credentials: { broker: { user: 'plant', password: 'right' } } });
    const status = await flow.statusState('out', 'connected');
    assert.deepEqual(
      { fill: status.fill, shape: status.shape, text: status.text },
      { fill: 'green', shape: 'dot', text: 'node-red:common.status.connected' },
    );
  });
});
