import assert from 'node:assert/strict';
import { Mosquitto } from '../support/mosquitto';
import { catchNode, Flow, type FlowNode, helperNode, inNode, outNode, session, tab, temporaryDirectory } from './flow';

const tlsModule = require('@node-red/nodes/core/network/05-tls.js') as (RED: never) => void;

describe('TLS and WebSocket', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start({ tls: true, websockets: true });
  });
  afterEach(() => flow?.stop());
  after(() => mosquitto.remove());

  const nodes = (broker: Record<string, unknown>, tls: Record<string, unknown> = {}): FlowNode[] => [
    tab,
    { id: 'tls', type: 'tls-config', name: '', cert: '', key: '', ca: '', verifyservercert: true, ...tls },
    ...session({ port: 0, directory: temporaryDirectory(), ...broker }),
    inNode('in', 'plant/#', 'received'),
    outNode('out', { topic: 'plant/level', qos: '2' }),
    catchNode('catch', 'errors', ['out']),
    helperNode('received'),
    helperNode('errors'),
  ];

  async function roundTrip(): Promise<void> {
    await flow?.statusState('in', 'connected');
    flow?.input('out', { payload: 'secret' });
    assert.equal((await flow?.messages('received', 1))?.[0]?.payload, 'secret');
  }

  const tlsPort = () => Number(new URL(mosquitto.tlsUrl).port);

  it('carries messages over TLS with the CA of the TLS configuration', async () => {
    flow = await Flow.start(nodes({ port: tlsPort(), usetls: true, tls: 'tls' }, { ca: mosquitto.caFile }), {
      modules: [tlsModule],
    });
    await roundTrip();
  });

  it('does not connect when the certificate cannot be verified', async () => {
    flow = await Flow.start(nodes({ port: tlsPort(), usetls: true, verifyservercert: false }), {
      modules: [tlsModule],
    });
    await flow.messages('errors', 1);
    assert.equal(flow.caught('errors')[0]?.error.code, 'ERR_BROKER_CERTIFICATE');
  });

  it('connects all the same when the TLS configuration says so', async () => {
    flow = await Flow.start(nodes({ port: tlsPort(), usetls: true, tls: 'tls' }, { verifyservercert: false }), {
      modules: [tlsModule],
    });
    await roundTrip();
  });

  it('carries messages over WebSocket', async () => {
    flow = await Flow.start(nodes({ broker: mosquitto.websocketUrl }), { modules: [tlsModule] });
    await roundTrip();
  });
});
