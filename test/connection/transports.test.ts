import * as assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { Mosquitto } from '../support/mosquitto';
import { createCertificates } from '../support/mosquitto/certificates';
import { freePort } from '../support/ports';
import { Recorder } from './recorder';
import { connack, ScriptedBroker } from './scripted-broker';

describe('transports', function () {
  this.timeout(20_000);

  describe('WebSocket over TLS', () => {
    let directory: string;
    let broker: Mosquitto;
    let port: number;
    let ca: Buffer;
    let recorder: Recorder | undefined;

    before(async () => {
      directory = fs.mkdtempSync(path.join(os.tmpdir(), 'transports-'));
      const { caFile, certificateFile, keyFile } = createCertificates(directory);
      ca = fs.readFileSync(caFile);
      port = await freePort();
      broker = await Mosquitto.start({
        configuration: [
          `listener ${port} 127.0.0.1`,
          'protocol websockets',
          ...[`cafile ${caFile}`, `certfile ${certificateFile}`, `keyfile ${keyFile}`],
        ],
      });
    });
    after(async () => {
      await broker.remove();
      fs.rmSync(directory, { recursive: true });
    });
    afterEach(() => recorder?.close());

    it('connects with the CA certificate', async () => {
      recorder = new Recorder({ url: `wss://127.0.0.1:${port}`, transport: { ca } });
      await recorder.waitUp();
    });

    it('passes the server name on', async () => {
      recorder = new Recorder({ url: `wss://127.0.0.1:${port}`, transport: { ca, servername: 'localhost' } });
      await recorder.waitUp();
      const other = new Recorder({ url: `wss://127.0.0.1:${port}`, transport: { ca, servername: 'other.example' } });
      const end = await other.waitDown();
      assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_CERTIFICATE');
    });

    it('does not verify the certificate when told so', async () => {
      recorder = new Recorder({ url: `wss://127.0.0.1:${port}`, transport: { rejectUnauthorized: false } });
      await recorder.waitUp();
    });

    it('says that the authority is unknown', async () => {
      recorder = new Recorder({ url: `wss://127.0.0.1:${port}` });
      const end = await recorder.waitDown();
      assert.match(String(end.error?.message), /known authority/);
    });
  });

  it('reports once that a web server has no WebSocket there', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume().end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const recorder = new Recorder({ url: `ws://127.0.0.1:${(server.address() as net.AddressInfo).port}/mqtt` });
    const end = await recorder.waitDown();
    assert.match(String(end.error?.message), /404; the server does not accept a WebSocket there: check path/);
    server.close();
    await once(server, 'close');
    assert.equal(recorder.ends.length, 1);
  });

  it('goes through a SOCKS proxy', async () => {
    const broker = await ScriptedBroker.listen(4);
    const proxy = net.createServer(socks5);
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const socksProxy = `socks5h://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`;
    const recorder = new Recorder({ url: broker.url, transport: { socksProxy } });
    const side = await broker.accept();
    await side.next('connect');
    side.send(connack(4));
    await recorder.waitUp();
    recorder.connection.end();
    await side.next('disconnect');
    await recorder.waitDown();
    proxy.close();
    await broker.close();
  });
});

/** As much of a SOCKS 5 server (RFC 1928) as one CONNECT to an IPv4 address needs. */
function socks5(client: net.Socket): void {
  client.on('error', () => undefined);
  client.once('data', () => {
    client.write(Buffer.from([5, 0]));
    client.once('data', (request: Buffer) => {
      const target = net.connect(request.readUInt16BE(request.length - 2), '127.0.0.1', () => {
        client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        client.pipe(target).pipe(client);
      });
      target.on('error', () => client.destroy());
      client.on('close', () => target.destroy());
    });
  });
}
