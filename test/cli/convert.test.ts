import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { text } from 'node:stream/consumers';
import type { FlowNode } from '../../src/convert';
import { BROKER, everyField } from '../convert/every-field';

const main = path.resolve(__dirname, '..', '..', 'src', 'cli', 'main.ts');

interface Outcome {
  code: number | null;
  output: string;
  errors: string;
}

async function convert(...words: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['--require', 'tsx/cjs', main, 'convert', ...words]);
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, output, errors };
}

describe('mqtt-sessions convert', function () {
  this.timeout(30_000);
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-convert-'));
    file = path.join(folder, 'flows.json');
  });

  afterEach(() => fs.rm(folder, { recursive: true, force: true }));

  const read = (name = 'flows.json') => fs.readFile(path.join(folder, name), 'utf8');
  const parsed = async (name?: string) => JSON.parse(await read(name)) as FlowNode[];

  it('converts a file, keeps the old one beside it, and converts it back to exactly what it was', async () => {
    const before = JSON.stringify(everyField(1883), null, 4);
    await fs.writeFile(file, before, { mode: 0o640 });
    await fs.chmod(file, 0o640);
    const there = await convert(file, '--keep-session-settings');
    assert.equal(there.code, 0, there.errors);
    assert.match(there.output, /mqtt in "readings" \(i0+1\) -> mqtt-persistent-in/);
    assert.match(there.output, /6 nodes changed; as it was: flows\.json\.before-convert\./);
    assert.equal(await read('flows.json.before-convert'), before);
    assert.equal(await read(), before.replace(/"type": "mqtt( |-)(in|out|broker)"/g, '"type": "mqtt-persistent-$2"'));
    if (process.platform !== 'win32') assert.equal((await fs.stat(file)).mode & 0o777, 0o640);

    const persistent = await read();
    const back = await convert(file, '--back');
    assert.equal(back.code, 0, back.errors);
    assert.equal(await read(), before);
    assert.equal(await read('flows.json.before-convert-2'), persistent);
    assert.equal(await read('flows.json.before-convert'), before, 'the older backup');
    assert.deepEqual((await fs.readdir(folder)).sort(), [
      'flows.json',
      'flows.json.before-convert',
      'flows.json.before-convert-2',
    ]);
  });

  it('makes sessions persistent unless told otherwise, with client ids of which no two are the same', async () => {
    const brokers = ['a', 'b'].map((id) => ({
      id,
      type: 'mqtt-broker',
      broker: 'h',
      clientid: '',
      cleansession: true,
    }));
    await fs.writeFile(file, JSON.stringify(brokers));
    const { code, output } = await convert(file);
    assert.equal(code, 0);
    const after = await parsed();
    assert.deepEqual(
      after.map(({ cleansession }) => cleansession),
      [false, false],
    );
    const [first, second] = after.map(({ clientid }) => String(clientid));
    assert.match(String(first), /^nr[0-9a-f]{20}$/);
    assert.notEqual(first, second);
    assert.match(output, new RegExp(`its client id is now ${first}`));
  });

  const broker = { id: 'b', type: 'mqtt-broker', clientid: 'ü', cleansession: false };
  const layouts = {
    'compact text': (flows: object) => JSON.stringify(flows),
    'two spaces and a line end': (flows: object) => `${JSON.stringify(flows, null, 2)}\n`,
    'tabs, Windows line ends and a byte order mark': (flows: object) =>
      `\uFEFF${JSON.stringify(flows, null, '\t').replaceAll('\n', '\r\n')}\r\n`,
    'a line for each node': (flows: object) =>
      `[\n${(flows as object[]).map((node) => JSON.stringify(node)).join(',\n')}\n]\n`,
  };
  for (const [name, layout] of Object.entries(layouts)) {
    it(`keeps the layout: ${name}`, async () => {
      await fs.writeFile(file, layout([{ id: 't', type: 'tab', label: 'T' }, broker]));
      const { code, output } = await convert(file);
      assert.equal(code, 0);
      assert.doesNotMatch(output, /layout/);
      assert.equal(
        await read(),
        layout([
          { id: 't', type: 'tab', label: 'T' },
          { ...broker, type: 'mqtt-persistent-broker' },
        ]),
      );
    });
  }

  it('says when a layout cannot be kept', async () => {
    await fs.writeFile(file, '[{"id" : "b", "type":"mqtt-broker","clientid":"c"}]');
    assert.match((await convert(file)).output, /layout of its own/);
  });

  it('writes nothing when it is only to tell', async () => {
    await fs.writeFile(file, JSON.stringify([broker]));
    const { code, output } = await convert(file, '--dry-run');
    assert.equal(code, 0);
    assert.match(output, /mqtt-broker "b" \(b\) -> mqtt-persistent-broker\n.*1 node would change; nothing was written/);
    assert.deepEqual(await fs.readdir(folder), ['flows.json']);
    assert.deepEqual(await parsed(), [broker]);
  });

  it('writes to another file, of which it keeps what was there', async () => {
    await fs.writeFile(file, JSON.stringify([broker]));
    await fs.writeFile(path.join(folder, 'other.json'), 'precious');
    const { code, output } = await convert(file, '--output', path.join(folder, 'other.json'), '--json');
    assert.equal(code, 0);
    assert.deepEqual(await parsed(), [broker]);
    assert.deepEqual(await parsed('other.json'), [{ ...broker, type: 'mqtt-persistent-broker' }]);
    assert.equal(await read('other.json.before-convert'), 'precious');
    const report = JSON.parse(output);
    assert.equal(report.written, true);
    assert.deepEqual(
      report.changed.map(({ id, from, type }: FlowNode) => [id, from, type]),
      [['b', 'mqtt-broker', 'mqtt-persistent-broker']],
    );
  });

  it('keeps a link to the file a link', async function () {
    if (process.platform === 'win32') this.skip();
    await fs.writeFile(file, JSON.stringify([broker]));
    await fs.mkdir(path.join(folder, 'links'));
    const link = path.join(folder, 'links', 'flows.json');
    await fs.symlink(file, link);
    assert.equal((await convert(link)).code, 0);
    assert.equal((await fs.lstat(link)).isSymbolicLink(), true);
    assert.equal((await parsed())[0]?.type, 'mqtt-persistent-broker');
    assert.deepEqual(JSON.parse(await read('flows.json.before-convert')), [broker]);
  });

  it('leaves nodes that have to stay, says why, and ends with 1', async () => {
    const flows = [...everyField(1883), { id: 'x', type: 'sparkplug', name: 'device', broker: BROKER }];
    await fs.writeFile(file, JSON.stringify(flows));
    const { code, output } = await convert(file);
    assert.equal(code, 1);
    assert.match(output, /because sparkplug "device" \(x\) uses the same broker node/);
    assert.match(output, /nothing was changed/);
    assert.deepEqual(await parsed(), flows);
    assert.deepEqual(await fs.readdir(folder), ['flows.json']);
  });

  it('has nothing to do in a flow without MQTT nodes', async () => {
    await fs.writeFile(file, '[]');
    const { code, output } = await convert(file);
    assert.deepEqual([code, output], [0, `${file}: no MQTT nodes to convert.\n`]);
  });

  const refused: [what: string, content: string | Buffer | undefined, message: RegExp][] = [
    ['does not exist', undefined, /ENOENT.*flows\.json/],
    ['is not JSON', '[{', /flows\.json is not JSON/],
    [
      'is not UTF-8',
      Buffer.from('[{"id":"b","type":"mqtt-broker","name":"g\xfc"}]', 'latin1'),
      /flows\.json is not UTF-8/,
    ],
    ['holds null', '[null]', /flows\.json is not a flow file/],
    ['holds no flow', '{"id":"b"}', /flows\.json is not a flow file/],
    ['holds entries without a type', '[{"id":"b"}]', /flows\.json is not a flow file/],
  ];
  for (const [what, content, message] of refused) {
    it(`refuses a file that ${what}, and leaves it`, async () => {
      if (content !== undefined) await fs.writeFile(file, content);
      const { code, errors } = await convert(file);
      assert.equal(code, 2);
      assert.match(errors, message);
      assert.deepEqual(await fs.readdir(folder), content === undefined ? [] : ['flows.json']);
      if (content !== undefined) assert.deepEqual(await fs.readFile(file), Buffer.from(content));
    });
  }
});
