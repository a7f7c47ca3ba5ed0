import * as net from 'node:net';

// Below the usual ephemeral ranges (Linux from 32,768, Windows and macOS from 49,152): a port that is closed for a
// while, as in an outage, cannot be taken by somebody's outgoing connection in the meantime.
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;

/** Finds a TCP port on 127.0.0.1 that is free now. Another process can still be faster: callers retry on a clash. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port found on 127.0.0.1 between ${PORT_MIN} and ${PORT_MAX} in 100 attempts`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
