import * as assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { LibraryProcess } from '../support/library-process';
import { Mosquitto } from '../support/mosquitto';
import { Publisher } from '../support/observer';
import { MqttProxy } from '../support/proxy';
import { waitFor } from '../support/wait';

const CLIENT_ID = 'manual';
const TOPIC = 'work';
const MESSAGES = 1_200;
const KILLS = 5;

/** A line that the process wrote before it acknowledged. */
interface Line {
  generation: number;
  sequence: number;
  qos: number;
  redelivered: boolean;
}

describe('a flow that acknowledges after its work, and is killed', function () {
  this.timeout(90_000);
  let directory = '';
  let mosquitto: Mosquitto;
  let publisher: Publisher;
  let proxy: MqttProxy;
  let library: LibraryProcess | undefined;

  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  beforeEach(async () => {
    directory = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-manual-'));
    proxy = await new MqttProxy({ brokerPort: mosquitto.port, maxEvents: 100_000 }).start();
  });
  afterEach(async () => {
    await library?.kill();
    await publisher.stop();
    await proxy.stop();
    await fs.rm(directory, { recursive: true, force: true });
  });
  after(() => mosquitto.remove());

  function start(protocolVersion: 4 | 5, generation: number): Promise<LibraryProcess> {
    return LibraryProcess.start({
      storePath: path.join(directory, 'sessions'),
      url: proxy.url,
      clients: [
        {
          clientId: `${CLIENT_ID}-${protocolVersion}`,
          protocolVersion,
          subscriptions: [{ filter: TOPIC, qos: 2, acknowledge: 'manual' }],
        },
      ],
      doneFile: path.join(directory, 'done'),
      receivedFile: path.join(directory, 'received'),
      generation,
    });
  }

  async function lines(): Promise<Line[]> {
    const text = await fs.readFile(path.join(directory, 'received'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [generation, , sequence, qos, , redelivered] = line.split(' ').map(Number);
        return { generation, sequence, qos, redelivered: redelivered === 1 } as Line;
      });
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`has done the work for every message; twice only what came again, and said so (version ${protocolVersion})`, async () => {
      library = await start(protocolVersion, 0);
      await waitFor(() => (proxy.counters.toClient.suback ?? 0) > 0, { what: 'SUBACK' });
      publisher = await Publisher.start({ port: mosquitto.port, clientId: `publisher-${protocolVersion}`, window: 20 });
      let published = 0;
      const feed = async () => {
        for (let sequence = 1; sequence <= MESSAGES; sequence++) {
          const payload = JSON.stringify({ stream: TOPIC, seq: sequence });
          await publisher.publish(TOPIC, payload, sequence % 2 === 0 ? 2 : 1);
          published = sequence;
        }
      };
      const fed = feed();
      for (let generation = 1; generation <= KILLS; generation++) {
        const killAt = (MESSAGES / (KILLS + 1)) * generation;
        await waitFor(() => published >= killAt, { what: `${killAt} published`, timeoutMs: 30_000 });
        await library.kill();
        library = await start(protocolVersion, generation);
      }
      await fed;
      await waitFor(async () => new Set((await lines()).map(({ sequence }) => sequence)).size === MESSAGES, {
        what: 'work for every message',
        timeoutMs: 30_000,
        detail: () => library?.log ?? '',
      });
      const done = await lines();
      const first = new Map<number, Line>();
      const repeated: Line[] = [];
      for (const line of done) {
        if (first.has(line.sequence)) repeated.push(line);
        else first.set(line.sequence, line);
      }
      assert.ok(
        done.some(({ redelivered }) => redelivered),
        'a kill came while messages were worked on',
      );
      assert.deepEqual(
        repeated.filter(({ redelivered }) => !redelivered),
        [],
        'what came twice is marked',
      );
      assert.deepEqual(
        repeated.filter(({ sequence, generation }) => first.get(sequence)?.generation === generation),
        [],
        'nothing comes twice to one process',
      );
      proxy.assertClean();
    });
  }
});
