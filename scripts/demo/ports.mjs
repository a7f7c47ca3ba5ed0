import * as net from 'node:net';

const ATTEMPTS = 100;

/** Listens on 127.0.0.1 at `port`, or when that is taken at the next free one. 0 takes any free port. */
export async function listenFrom(server, port) {
  for (let candidate = port; candidate < port + ATTEMPTS && candidate <= 65_535; candidate++) {
    try {
      return await listen(server, candidate);
    } catch (error) {
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') {
        throw error;
      }
    }
  }
  throw new Error(`No free port on 127.0.0.1 from ${port} on (${ATTEMPTS} tried).`);
}

/** Listens on 127.0.0.1 at exactly that port and answers it. Rejects with the error of the system. */
export function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve(server.address().port);
    });
  });
}

/** The first free port from `port` on, for a program that listens by itself. */
export async function freePortFrom(port) {
  const server = net.createServer();
  const free = await listenFrom(server, port);
  await new Promise((resolve) => server.close(resolve));
  return free;
}
