import * as assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { root } from '../architecture/sources';
import { codeBlocks, nameOf } from '../documents/code-blocks';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { packageName, runProgram, withInstallation } from './installation';
import { nodeBinary, runtimes } from './runtimes';

const examples = codeBlocks().filter(({ language }) => language === 'js');
const SILENT_SUCCESS = { exitCode: 0, stdout: '', stderr: '' };

/** A program in TypeScript that uses what most users will; `@ts-expect-error` shows that the types are real. */
const CONSUMER = `
import { errorCode, openSessionStore, SessionClient, SessionError } from '${packageName}';
import type { Message, ReceivedMessage, SessionErrorCode } from '${packageName}';

export async function run(): Promise<void> {
  const store = await openSessionStore({ path: './sessions', durability: 'interval' });
  const client = new SessionClient({
    store,
    clientId: 'consumer',
    connection: { url: 'mqtt://localhost', protocolVersion: 5, clean: false, keepalive: 60 },
  });
  client.on('state', (state) => {
    if (state.kind === 'open') console.log(state.link.kind, state.end?.reasonCode);
  });
  client.on('discarded', ({ message, error }) => console.log(message.topic, error.message));
  const message: Message = { topic: 'a/b', payload: Buffer.from('1'), qos: 2, retain: false };
  await client.publish(message, { until: 'acknowledged' });
  const handler = (received: ReceivedMessage): string => received.payload.toString('utf8');
  console.log(handler);
  // @ts-expect-error there is no QoS 3
  const wrong: Message = { ...message, qos: 3 };
  // @ts-expect-error a client needs a store
  new SessionClient({ clientId: 'consumer', connection: { url: '', protocolVersion: 5, clean: false, keepalive: 60 } });
  try {
    await client.publish(wrong);
  } catch (error) {
    const code: SessionErrorCode | undefined = error instanceof SessionError ? error.code : undefined;
    console.log(code, errorCode(error));
  }
  await client.close();
  await store.close();
}
`;

const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: 'es2022',
  module: 'nodenext',
  types: ['node'],
  skipLibCheck: false,
  noEmit: true,
};

const MEASURED = { payload: '21.5', qos: 2 };
/** What the JavaScript of each document says, and what it publishes. */
const EXAMPLES: Record<string, { stdout: string; published: { topic: string; payload: string; qos: number }[] }> = {
  'README.md': {
    stdout: '',
    published: Array(2).fill({ topic: 'sensors/temperature', ...MEASURED }),
  },
  'docs/guide.md': {
    stdout: 'plant/7/temperature: 21.5\n',
    published: [{ topic: 'plant/7/temperature', ...MEASURED }],
  },
};

describe('the library in the packed package', function () {
  this.timeout(60_000);
  const installation = withInstallation();

  const write = (file: string, text: string): Promise<void> =>
    fs.writeFile(path.join(installation.userDir, file), text);

  it('is typed for a strict compiler, in CommonJS and in ES modules, the declarations of its dependencies included', async () => {
    await write('consumer.cts', CONSUMER);
    await write('consumer.mts', CONSUMER);
    await write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['consumer.cts', 'consumer.mts'] }));
    const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const ended = await runProgram(process.execPath, [compiler, '--project', '.'], { cwd: installation.userDir });
    assert.deepEqual(ended, SILENT_SUCCESS);
  });

  for (const runtime of runtimes) {
    const run = (...args: string[]) => runProgram(nodeBinary(runtime), args, { cwd: installation.userDir });

    describe(`on the Node.js of ${runtime.title}`, () => {
      it('is loaded without Node-RED, by require and by import', async () => {
        await assert.rejects(fs.access(path.join(installation.userDir, 'node_modules', 'node-red')), {
          code: 'ENOENT',
        });
        const check = `if (typeof openSessionStore !== 'function' || typeof SessionClient !== 'function') process.exit(1);`;
        const names = '{ openSessionStore, SessionClient }';
        assert.deepEqual(await run('-e', `const ${names} = require('${packageName}'); ${check}`), SILENT_SUCCESS);
        const module = `import ${names} from '${packageName}'; ${check}`;
        assert.deepEqual(await run('--input-type=module', '-e', module), SILENT_SUCCESS);
      });

      for (const block of examples) {
        it(`runs the example in ${nameOf(block)} against a broker`, async () => {
          const broker = await Mosquitto.start();
          const observer = await Observer.start({ port: broker.port });
          try {
            const expected = EXAMPLES[block.document];
            assert.ok(expected, `say in EXAMPLES what the program in ${block.document} does`);
            const address = "'mqtt://localhost'";
            assert.equal(block.text.split(address).length, 2, `the program no longer connects to ${address}`);
            // Another broker: what the run before left in flight would be published again.
            await fs.rm(path.join(installation.userDir, 'sessions'), { recursive: true, force: true });
            await write('example.js', block.text.replace(address, JSON.stringify(broker.url)));
            assert.deepEqual(await run('example.js'), { ...SILENT_SUCCESS, stdout: expected.stdout });
            await observer.waitForAll(expected.published.map(({ payload }) => payload));
            const messages = observer.messages.map(({ topic, payload, qos }) => ({ topic, payload, qos }));
            assert.deepEqual(messages, expected.published);
          } finally {
            await observer.stop();
            await broker.remove();
          }
        });
      }
    });
  }
});
