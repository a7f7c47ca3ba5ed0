// What the buttons of the flow talk to: HTTP on 127.0.0.1, below a path that nobody can guess.
import { randomBytes } from 'node:crypto';
import * as http from 'node:http';
import { listen } from './ports.mjs';

const BODY_BYTES_MAX = 4 * 1024 * 1024;
const MESSAGES_MAX = 100_000;

async function jsonBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) {
      throw new Error(`the body is larger than ${BODY_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/** The counter as texts and colours for the status of nodes, and as numbers in `totals`. */
function counterView(totals, brokerIsOn) {
  const text = (number) => number.toLocaleString('en-US');
  const missing = brokerIsOn ? text(totals.missing) : `${text(totals.missing)} (broker is off)`;
  return {
    totals,
    sent: { fill: 'blue', shape: 'dot', text: text(totals.sent) },
    received: { fill: 'blue', shape: 'dot', text: text(totals.received) },
    missing: { fill: totals.missing === 0 ? 'green' : 'yellow', shape: 'dot', text: missing },
    doubled: { fill: totals.doubled === 0 ? 'green' : 'red', shape: 'dot', text: text(totals.doubled) },
  };
}

/**
 * Serves `{ broker, counter, kill, report }` and answers `{ url, close }`. Below `url`:
 *
 *   GET  /counter            totals, and how to show them
 *   POST /numbers?count=N    the next N messages
 *   POST /sent               messages that the out node reported done
 *   POST /broker/off, /broker/on, /kill
 */
export async function serveControl({ broker, counter, kill, report }) {
  const routes = {
    'GET /counter': () => counterView(counter.totals(), broker.isOn),
    'POST /numbers': (query) => {
      const count = Number(query.get('count'));
      if (!Number.isInteger(count) || count < 1 || count > MESSAGES_MAX) {
        throw new Error(`count must be a whole number from 1 to ${MESSAGES_MAX}`);
      }
      report(`burst of ${count.toLocaleString('en-US')}`);
      return counter.take(count);
    },
    'POST /sent': async (_query, request) => {
      for (const message of await jsonBody(request)) {
        counter.sent(message);
      }
      return counter.totals();
    },
    'POST /broker/off': async () => {
      report((await broker.off()) ? 'broker off' : 'the broker is off already');
      return { broker: 'off' };
    },
    'POST /broker/on': async () => {
      report((await broker.on()) ? 'broker on' : 'the broker is on already');
      return { broker: 'on' };
    },
    'POST /kill': () => {
      kill();
      return { nodeRed: 'killed' };
    },
  };

  const prefix = `/${randomBytes(16).toString('hex')}`;
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://127.0.0.1');
    const route = pathname.startsWith(`${prefix}/`) && routes[`${request.method} ${pathname.slice(prefix.length)}`];
    const answer = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (!route) {
      answer(404, { error: 'no such command' });
      return;
    }
    Promise.resolve()
      .then(() => route(searchParams, request))
      .then(
        (body) => answer(200, body),
        (error) => {
          report(`${request.method} ${pathname.slice(prefix.length)} failed: ${error.message}`);
          answer(400, { error: error.message });
        },
      );
  });
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
