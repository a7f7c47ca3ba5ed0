import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Recorder } from './recorder';

/** Connections that a proxy does open are in test/parity/transports.test.ts. */
describe('an HTTP proxy that opens no connection', () => {
  let server: http.Server;
  let recorder: Recorder | undefined;
  afterEach(async () => {
    await recorder?.close();
    server.closeAllConnections();
    server.close();
  });

  async function proxy(answer: string): Promise<string> {
    server = http.createServer();
    server.on('connect', (_request, socket) => socket.end(answer));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://user:secret@127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('is named with its answer, and without the password', async () => {
    const httpProxy = await proxy('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
    recorder = new Recorder({ url: 'ws://broker.example:80/mqtt', transport: { httpProxy } });
    const { kind, error } = await recorder.waitDown();
    assert.equal(kind, 'unreachable');
    assert.match(error?.message ?? '', /HTTP proxy 127\.0\.0\.1:\d+ opened no connection to broker\.example:80.*407/);
    assert.doesNotMatch(error?.message ?? '', /secret/);
  });

  it('is named when it does not speak HTTP', async () => {
    const httpProxy = await proxy('not HTTP at all\r\n\r\n');
    recorder = new Recorder({ url: 'ws://broker.example:80/mqtt', transport: { httpProxy } });
    const { error } = await recorder.waitDown();
    assert.match(error?.message ?? '', /HTTP proxy/);
  });

  it('is refused when it is no HTTP address', async () => {
    await proxy('');
    recorder = new Recorder({ url: 'ws://broker.example/mqtt', transport: { httpProxy: 'socks5://127.0.0.1:1080' } });
    const { kind, error } = await recorder.waitDown();
    assert.equal(kind, 'unreachable');
    assert.match(error?.message ?? '', /must be an http/);
  });
});
