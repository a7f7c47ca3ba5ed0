// Every form of address and of TLS configuration: what connects with core connects with ours, and shows the same.
import * as crypto from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as net from 'node:net';
import * as path from 'node:path';
import { catchNode, type FlowNode, helperNode, tab, temporaryDirectory } from '../nodes/flow';
import { createCertificates } from '../support/mosquitto/certificates';
import { waitFor } from '../support/wait';
import { FrontDoor } from './front-door';
import { comparable, coreBroker, coreIn, coreOut, type Stage } from './stage';
import { compare, type Row } from './table';

const directory = temporaryDirectory();
const certificates = createCertificates(directory);
const read = (file: string) => fs.readFileSync(file, 'utf8');
const pem = {
  ca: read(certificates.caFile),
  certificate: read(certificates.certificateFile),
  key: read(certificates.keyFile),
};
const PASSPHRASE = 'open sesame';
const lockedKey = crypto
  .createPrivateKey(pem.key)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE })
  .toString();
const lockedKeyFile = path.join(directory, 'locked.key');
fs.writeFileSync(lockedKeyFile, lockedKey);

interface Way {
  title: string;
  broker(addresses: Addresses): Record<string, unknown>;
  /** Fields and credentials of a TLS configuration. */
  tls?: Record<string, unknown>;
  pasted?: Record<string, string>;
  differs?: Row['differs'];
}

interface Addresses {
  mqtt: number;
  ipv6: number;
  websocket: number;
  /** TLS, in front of the broker. */
  tls: number;
  /** WebSocket over TLS. */
  wss: number;
}

const secure = ({ tls }: Addresses) => ({ broker: 'localhost', port: String(tls), usetls: true });
const files = { cert: certificates.certificateFile, key: certificates.keyFile, ca: certificates.caFile };

const ways: Way[] = [
  { title: 'host and port', broker: ({ mqtt }) => ({ broker: '127.0.0.1', port: mqtt }) },
  { title: 'host name', broker: ({ mqtt }) => ({ broker: 'localhost', port: String(mqtt) }) },
  { title: 'IPv6 address', broker: ({ ipv6 }) => ({ broker: '::1', port: String(ipv6) }) },
  { title: 'mqtt:// URL', broker: ({ mqtt }) => ({ broker: `mqtt://127.0.0.1:${mqtt}`, port: '1' }) },
  { title: 'tcp:// URL', broker: ({ mqtt }) => ({ broker: `tcp://127.0.0.1:${mqtt}` }) },
  { title: 'mqtt:// URL with IPv6', broker: ({ ipv6 }) => ({ broker: `mqtt://[::1]:${ipv6}` }) },
  { title: 'ws:// URL', broker: ({ websocket }) => ({ broker: `ws://127.0.0.1:${websocket}` }) },
  { title: 'ws:// URL with a path', broker: ({ websocket }) => ({ broker: `ws://127.0.0.1:${websocket}/mqtt` }) },
  {
    title: 'environment variables',
    broker: () => ({ broker: variable('PARITY_HOST'), port: variable('PARITY_PORT') }),
  },
  {
    title: 'mqtts:// URL with a TLS configuration',
    broker: ({ tls }) => ({ broker: `mqtts://localhost:${tls}`, usetls: true }),
    tls: { ca: certificates.caFile },
  },
  {
    title: 'wss:// URL with a TLS configuration',
    broker: ({ wss }) => ({ broker: `wss://localhost:${wss}`, usetls: true }),
    tls: { ca: certificates.caFile },
  },
  { title: 'TLS with files', broker: secure, tls: files },
  {
    title: 'TLS with pasted data',
    broker: secure,
    tls: {},
    pasted: { certdata: pem.certificate, keydata: pem.key, cadata: pem.ca },
  },
  {
    title: 'TLS with a key in a file with a passphrase',
    broker: secure,
    tls: { ...files, key: lockedKeyFile },
    pasted: { passphrase: PASSPHRASE },
  },
  {
    title: 'TLS with a pasted key with a passphrase',
    broker: secure,
    tls: {},
    pasted: { certdata: pem.certificate, keydata: lockedKey, cadata: pem.ca, passphrase: PASSPHRASE },
  },
  { title: 'TLS without verification', broker: secure, tls: { verifyservercert: false } },
  {
    title: 'TLS with server name',
    broker: ({ tls }) => ({ broker: '127.0.0.1', port: tls, usetls: true }),
    tls: { ca: certificates.caFile, servername: 'localhost' },
  },
  { title: 'TLS with ALPN', broker: secure, tls: { ca: certificates.caFile, alpnprotocol: 'mqtt' } },
  {
    title: 'TLS without TLS configuration',
    broker: secure,
    differs: {
      by: 'certificates',
      core: {
        received: [{ topic: 'way/18', payload: 'x', qos: 2, retain: false, _topic: 'way/18' }],
        arrival: { servername: 'localhost' },
      },
      ours: { received: [], arrival: {} },
    },
  },
];

function variable(name: string): string {
  return `$\{${name}}`;
}

const doors: FrontDoor[] = [];
let tlsDoor: FrontDoor | undefined;

async function nodes(stage: Stage): Promise<FlowNode[]> {
  const { mosquitto } = stage;
  const websocket = Number(new URL(mosquitto.websocketUrl).port);
  const tlsOptions = {
    cert: pem.certificate,
    key: pem.key,
    ca: pem.ca,
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['mqtt', 'http/1.1'],
  };
  tlsDoor = await FrontDoor.open(mosquitto.port, tlsOptions);
  const ipv6Door = await FrontDoor.open(mosquitto.port, undefined, '::1');
  const wssDoor = await FrontDoor.open(websocket, tlsOptions);
  doors.push(tlsDoor, ipv6Door, wssDoor);
  const addresses = {
    ...{ mqtt: mosquitto.port, ipv6: ipv6Door.port, websocket },
    ...{ tls: tlsDoor.port, wss: wssDoor.port },
  };
  Object.assign(process.env, { PARITY_HOST: '127.0.0.1', PARITY_PORT: String(mosquitto.port) });
  const tlsDefaults = { name: '', cert: '', key: '', ca: '', verifyservercert: true };
  return [
    tab,
    ...ways.flatMap(({ broker, tls }, index): FlowNode[] => [
      ...(tls === undefined ? [] : [{ id: `tls-${index}`, type: 'tls-config', ...tlsDefaults, ...tls }]),
      coreBroker(stage, {
        clientid: `way-${index}`,
        ...broker(addresses),
        id: `broker-${index}`,
        tls: tls === undefined ? '' : `tls-${index}`,
      }),
      coreIn(`in-${index}`, `way/${index}`, `got-${index}`, { broker: `broker-${index}` }),
      coreOut(`out-${index}`, { broker: `broker-${index}`, topic: `way/${index}`, qos: '2' }),
      helperNode(`got-${index}`),
    ]),
    catchNode('catch', 'errors'),
    helperNode('errors'),
  ];
}

/** A message through the broker and back, or why there is none; and what the client showed of itself. */
async function roundTrip(stage: Stage, index: number): Promise<unknown> {
  const { flow } = stage;
  const isRefused = () => flow.caught('errors').some(({ error }) => error.source.id === `broker-${index}`);
  const isConnected = () => flow.status(`out-${index}`)?.text === 'node-red:common.status.connected';
  await waitFor(() => isRefused() || isConnected(), {
    what: `${stage.implementation}: ${ways[index]?.title} to be connected`,
    detail: () => JSON.stringify([flow.status(`out-${index}`), flow.logged]),
  });
  if (isConnected()) {
    flow.input(`out-${index}`, { payload: 'x' });
    await flow.messages(`got-${index}`, 1);
  }
  const { packet: _packet, ...arrival } = tlsDoor?.connects.get(`way-${index}`) ?? {};
  return { received: stage.receivedAt(`got-${index}`), arrival: comparable(arrival) };
}

compare({
  title: 'ways to the broker',
  versions: [4, 5],
  options: {
    broker: { websockets: true },
    credentials: Object.fromEntries(
      ways.flatMap(({ pasted }, index) => (pasted === undefined ? [] : [[`tls-${index}`, pasted]])),
    ),
  },
  nodes,
  ready: async () => undefined,
  async done() {
    delete process.env.PARITY_HOST;
    delete process.env.PARITY_PORT;
    for (const door of doors.splice(0)) await door.close();
  },
  rows: ways.map(({ title, differs }, index) => {
    return { title, ...(differs && { differs }), run: (stage) => roundTrip(stage, index) };
  }),
});

/** An HTTP proxy that only knows CONNECT, and writes down where to. */
async function openProxy(): Promise<{ url: string; targets: string[]; logins: unknown[]; close(): Promise<void> }> {
  const targets: string[] = [];
  const logins: unknown[] = [];
  const server = http.createServer();
  server.on('connect', (request, client: net.Socket) => {
    targets.push(String(request.url));
    logins.push(request.headers['proxy-authorization']);
    const { hostname, port } = new URL(`http://${request.url}`);
    const target = net.connect(Number(port), hostname, () =>
      client.write('HTTP/1.1 200 Connection established\r\n\r\n'),
    );
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `http://user:pa%20ss@127.0.0.1:${port}`,
    targets,
    logins,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

let proxy: Awaited<ReturnType<typeof openProxy>> | undefined;

function throughProxy(
  title: string,
  environment: (url: string) => Record<string, string>,
  isSecure: boolean,
  mode = 'strict',
): void {
  let names: string[] = [];
  compare({
    title: `through an HTTP proxy: ${title}`,
    versions: [4],
    options: { broker: { websockets: true }, settings: { proxyOptions: { mode } } },
    async nodes(stage) {
      proxy = await openProxy();
      const websocket = Number(new URL(stage.mosquitto.websocketUrl).port);
      const door = await FrontDoor.open(websocket, isSecure ? { cert: pem.certificate, key: pem.key } : undefined);
      doors.push(door);
      const variables = environment(proxy.url);
      names = Object.keys(variables);
      Object.assign(process.env, variables);
      return [
        tab,
        { id: 'tls', type: 'tls-config', name: '', cert: '', key: '', ca: certificates.caFile, verifyservercert: true },
        coreBroker(stage, {
          broker: `${isSecure ? 'wss' : 'ws'}://localhost:${door.port}`,
          ...(isSecure && { usetls: true, tls: 'tls' }),
        }),
        coreIn('in', 'barrier/#', 'got'),
        helperNode('got'),
      ];
    },
    ready: (stage) => stage.connected(),
    async done() {
      for (const name of names) delete process.env[name];
      for (const door of doors.splice(0)) await door.close();
      await proxy?.close();
    },
    rows: [
      {
        title: 'connects, and the proxy is told where to',
        async run(stage) {
          await stage.subscribed('got');
          const hosts = proxy?.targets.map((target) => target.replace(/:\d+$/, ':port'));
          return { hosts: new Set(hosts), logins: new Set(proxy?.logins) };
        },
      },
    ],
  });
}

throughProxy('ws_proxy', (url) => ({ ws_proxy: url }), false);
throughProxy('wss_proxy', (url) => ({ wss_proxy: url }), true);
throughProxy('all_proxy', (url) => ({ ALL_PROXY: url }), false);
throughProxy('not for a host in no_proxy', (url) => ({ all_proxy: url, no_proxy: 'example.com,localhost' }), false);
throughProxy('http_proxy in the mode legacy', (url) => ({ http_proxy: url }), false, 'legacy');
