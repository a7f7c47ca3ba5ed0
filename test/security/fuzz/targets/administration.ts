// The administration: messages to the admin node, and requests to the endpoints of a real Node-RED.
import * as assert from 'node:assert/strict';
import * as http from 'node:http';
import type { NodeMessage } from 'node-red';
import { shownValue } from '../../../../src/errors';
import { type Answer, adminFlow } from '../../../nodes/admin-flow';
import { Flow, outNode, session, tab, temporaryDirectory } from '../../../nodes/flow';
import { startNodeRed } from '../../../support/node-red-process';
import { within } from '../../../support/wait';
import { mutateBytes } from '../bytes';
import type { Random } from '../random';
import { storageSamples } from '../samples';
import type { TargetDefinition } from '../target';
import { anything, DANGEROUS_NAMES, mutatePlain, plain, setOwn, text } from '../values';

const CLIENT_ID = 'fuzzed';
const ACTIONS = [
  ...['save', 'load', 'exists', 'info', 'list', 'delete', 'cleanup', 'stats', 'reset-stats', 'ack', 'failed', 'replay'],
  ...['discard', 'pause', 'resume', 'purge', 'export', 'import', 'adopt', 'disconnect', 'flush'],
];
/** More than a request waits for `flush`. */
const ANSWER_MS = 60_000;
/** Node-RED itself calls `msg.hasOwnProperty` for an error of any node, on a copy, and ends when there is no such function. */
const NAMES_OF_MESSAGES = DANGEROUS_NAMES.filter((name) => name !== 'hasOwnProperty' && name !== '__proto__');

const adminNode: TargetDefinition = {
  name: 'admin-node',
  what: 'msg of the admin node with any action and any properties, in a runtime of Node-RED',
  async open() {
    const { jsonl } = await storageSamples();
    const file = Buffer.from(jsonl);
    const broker = { port: 1, directory: temporaryDirectory(), clientid: CLIENT_ID, autoConnect: false };
    const flow = await Flow.start(adminFlow(broker));
    let answered: (answer: Answer) => void = () => undefined;
    flow.node('answers').on('input', (msg: NodeMessage, _send, done) => {
      answered(msg.payload as Answer);
      done();
    });
    return {
      async feed(random) {
        const msg: Record<string, unknown> = { action: random.chance(0.9) ? random.pick(ACTIONS) : anything(random) };
        let size = 100_000;
        for (const name of ['clientId', 'ids', 'limit', 'after', 'format', 'allowLoss', 'replace', 'from', 'mqttAck']) {
          if (random.chance(0.25)) setOwn(msg, name, anything(random));
        }
        if (random.chance(0.2)) setOwn(msg, random.pick(NAMES_OF_MESSAGES), anything(random));
        if (random.chance(0.3)) msg.clientId = random.pick([CLIENT_ID, 'other', '__proto__']);
        if ((msg.action === 'load' || msg.action === 'import') && random.chance(0.5)) {
          const bytes = mutateBytes(random, file, [file]);
          msg.file = bytes;
          size += bytes.length;
        } else if (random.chance(0.1)) {
          const value = anything(random);
          // A text would be the path of a file of this machine.
          msg.file = typeof value === 'string' ? undefined : value;
        }
        // Without one it waits for as long as there are messages.
        msg.timeout = random.chance(0.9) ? 1 : { a: 1 };
        const answer = await within(
          new Promise<Answer>((resolve) => {
            answered = resolve;
            flow.input('admin', msg);
          }),
          ANSWER_MS,
          `an answer to ${shownValue(msg.action)}`,
        );
        for (const id of ['answers', 'errors']) flow.received(id).length = 0;
        flow.statuses.length = flow.logged.length = 0;
        if (answer.code !== 0) {
          assert.equal(answer.code, -1);
          // Codes are those of this library, or of the operating system.
          assert.match(answer.error?.code ?? '', /^E[A-Z0-9]+(_[A-Z0-9_]+)?$/);
          assert.notEqual(answer.error?.code, 'ERR_UNKNOWN', answer.error?.message);
          assert.doesNotMatch(answer.error?.code ?? '', /^ERR_(INVALID_ARG|OUT_OF|ASSERT)/, answer.error?.message);
        }
        return { size, accepted: answer.code === 0 };
      },
      close: () => flow.stop(),
    };
  },
};

const PATHS = [
  ...[
    '/mqtt-sessions/permissions',
    '/mqtt-sessions/sessions',
    '/mqtt-sessions/stores',
    '/mqtt-sessions/store/sessions',
  ],
  ...['', '/stats', '/messages', '/failed', '/export'].map((end) => `/mqtt-sessions/store/sessions/${CLIENT_ID}${end}`),
];
const POSTS = [
  ...['save', 'load', 'pause', 'resume', 'flush', 'purge', 'replay', 'discard', 'adopt', 'reset-stats'].map(
    (action) => `/mqtt-sessions/store/sessions/${CLIENT_ID}/actions/${action}`,
  ),
  ...['/mqtt-sessions/store/actions/cleanup', '/mqtt-sessions/store/import'],
  `/mqtt-sessions/store/sessions/${CLIENT_ID}/import`,
];
const QUERY = ['limit', 'after', 'offset', 'sort', 'state', 'text', 'reverse', 'format', 'allowLoss', 'replace', 'key'];

/** Without halves of surrogate pairs, which no URL can hold. */
function wellFormed(value: string): string {
  return Buffer.from(value).toString();
}

function queryOf(random: Random): string {
  const parts: string[] = [];
  for (let count = random.below(4); count > 0; count--) {
    const name = random.chance(0.8) ? random.pick(QUERY) : random.pick(DANGEROUS_NAMES);
    const suffix = random.pick(['', '', '', '[]', '[a]', '[__proto__][x]', '[0]']);
    const value = random.chance(0.5)
      ? random.pick(['1', '0', 'true', 'jsonl', '-1', '1e9'])
      : text(random).slice(0, 200);
    parts.push(`${name}${suffix}=${random.chance(0.8) ? encodeURIComponent(wellFormed(value)) : '%zz'}`);
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

const endpoints: TargetDefinition = {
  name: 'http',
  what: 'paths, queries and bodies of the admin endpoints, of a Node-RED that runs as a process of its own',
  async open() {
    const { jsonl } = await storageSamples();
    const file = Buffer.from(jsonl);
    const broker = { port: 1, directory: temporaryDirectory(), clientid: CLIENT_ID, autoConnect: false };
    const nodeRed = await startNodeRed(temporaryDirectory(), { flows: [tab, ...session(broker), outNode('out')] });
    const { hostname, port } = new URL(nodeRed.url);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const call = (method: string, path: string, headers: Record<string, string>, body?: Buffer) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const request = http.request({ agent, hostname, port, method, path, headers }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
          );
        });
        request.on('error', reject);
        request.end(body);
      });
    return {
      async feed(random) {
        const isPost = random.chance(0.5);
        let path = random.pick(isPost ? POSTS : PATHS);
        if (random.chance(0.2)) {
          const parts = path.split('/');
          parts[1 + random.below(parts.length - 1)] = encodeURIComponent(wellFormed(text(random).slice(0, 200)));
          path = parts.join('/');
        }
        if (random.chance(0.05)) path += random.pick(['/..', '/%2e%2e%2f', '/%00', '%', '/%ff', '//']);
        path += queryOf(random);
        let body: Buffer | undefined;
        const headers: Record<string, string> = {};
        if (isPost) {
          const isFile = path.includes('import');
          const isFlush = path.includes('flush');
          // A flush without a timeout waits for half a minute.
          const value = isFlush
            ? { timeout: random.pick([0, 1, -1, 'x', {}, []]) }
            : random.chance(0.8)
              ? mutatePlain(random, { ids: [1], timeout: 1 })
              : plain(random);
          body = isFile ? mutateBytes(random, file, [file]) : Buffer.from(JSON.stringify(value));
          if (!isFile && !isFlush && random.chance(0.2)) body = mutateBytes(random, body, [body]);
          const type = isFile ? 'application/octet-stream' : 'application/json';
          headers['content-type'] = random.chance(0.95) ? type : random.pick(['text/plain', 'a', '']);
        }
        const answer = await within(
          call(isPost ? 'POST' : 'GET', path, headers, body),
          ANSWER_MS,
          `${path} to be answered`,
        );
        // Node-RED itself answers 400 for a body that is no JSON, and 404 outside.
        if (answer.status >= 500 && !/"code":"E(NOSPC|RR_(STORE|QUEUE)_FULL)"/.test(answer.text)) {
          throw new Error(`${isPost ? 'POST' : 'GET'} ${path} ${body ?? ''}: ${answer.status} ${answer.text}`);
        }
        return { size: 1_000_000, accepted: answer.status < 400 };
      },
      async close() {
        agent.destroy();
        // It must still be there.
        process.kill(nodeRed.pid, 0);
        await nodeRed.kill();
      },
    };
  },
};

export const adminTargets = [adminNode, endpoints];
