import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { temporaryDirectory } from '../nodes/flow';
import { EchoBed, logged, storedSessions, until, userDirectory } from './echo-bed';
import { FILLER, heldBackByPermissions, smallFileSystem } from './restricted';
import { ticking } from './ticking';

const FOLDER = 'mqtt-sessions';

/** Node-RED embedded in a program that keeps the flows itself: the runtime has no user directory. */
const FLOWS_FROM_ENVIRONMENT = `
const none = async () => ({});
module.exports.storageModule = {
  init: async () => undefined,
  getFlows: async () => JSON.parse(process.env.FLOWS),
  getCredentials: none, saveCredentials: none, saveFlows: none,
  getSettings: none, saveSettings: none, getSessions: none, saveSessions: none,
  getLibraryEntry: async () => [], saveLibraryEntry: none,
};`;

describe('the folder of the sessions', function () {
  this.timeout(60_000);
  const bed = EchoBed.inSuite();

  it("is where Node-RED's files are when it was not told its user directory, never the working directory", async () => {
    const home = temporaryDirectory();
    const cwd = temporaryDirectory();
    const userDir = path.join(home, '.node-red');
    const env = { HOME: home, USERPROFILE: home, NODE_RED_HOME: undefined };
    const nodeRed = await bed.start(userDir, { flows: bed.flow('home'), withoutUserDir: true, env, cwd });
    await bed.roundTrip('home', 'one', nodeRed);
    await nodeRed.stop();
    assert.deepEqual(storedSessions(path.join(userDir, FOLDER)), ['home']);
    assert.deepEqual(fs.readdirSync(cwd), []);
  });

  it("is in Node-RED's default place when there is no user directory, because the flows are kept elsewhere", async () => {
    const home = temporaryDirectory();
    const cwd = temporaryDirectory();
    const env = {
      HOME: home,
      USERPROFILE: home,
      NODE_RED_HOME: undefined,
      FLOWS: JSON.stringify(bed.flow('embedded')),
    };
    const nodeRed = await bed.start(userDirectory(), {
      packageFolder: null,
      settings: { nodesDir: path.resolve(__dirname, '..', '..', 'dist', 'nodes') },
      settingsCode: FLOWS_FROM_ENVIRONMENT,
      withoutUserDir: true,
      env,
      cwd,
    });
    await bed.roundTrip('embedded', 'one', nodeRed);
    assert.doesNotMatch(nodeRed.logs(), /User directory|Uncaught|unhandled/i);
    await nodeRed.stop();
    assert.deepEqual(storedSessions(path.join(home, '.node-red', FOLDER)), ['embedded']);
    assert.deepEqual(fs.readdirSync(cwd), []);
  });

  for (const { title, name, block } of [
    { title: 'may not be made', name: 'readonly', block: (userDir: string) => fs.chmodSync(userDir, 0o555) },
    { title: 'is a file', name: 'file', block: (userDir: string) => fs.writeFileSync(path.join(userDir, FOLDER), '') },
  ]) {
    it(`is named, with the reason, when it ${title}: the flows run, nothing counts as stored`, async () => {
      const userDir = userDirectory();
      const nodeRed = await bed.start(userDir, {
        ...heldBackByPermissions(),
        settings: { readOnly: true },
        flows: [...bed.flow(name), ...ticking()],
        beforeLaunch: () => block(userDir),
      });
      const reason = `The session storage path ${path.join(userDir, FOLDER)} cannot be used: E`;
      for (const node of ['mqtt-persistent-broker:broker', 'mqtt-persistent-out:out']) {
        await logged(nodeRed, new RegExp(`\\[error\\] \\[${node}\\] .*${reason}`));
      }
      // The path is there after all: it is tried again without a deploy.
      fs.chmodSync(userDir, 0o755);
      fs.rmSync(path.join(userDir, FOLDER), { force: true });
      await bed.roundTrip(name, 'one', nodeRed);
      await nodeRed.stop();
      assert.doesNotMatch(nodeRed.logs(), /stored tick|Uncaught|unhandled/i);
    });
  }

  it('may be elsewhere when the user directory is read-only', async () => {
    const userDir = userDirectory();
    const elsewhere = temporaryDirectory();
    const store = { id: 'store', type: 'mqtt-session-store', name: '', path: path.join(elsewhere, 'sessions') };
    const nodeRed = await bed.start(userDir, {
      ...heldBackByPermissions(),
      settings: { readOnly: true },
      flows: [...bed.flow('elsewhere', { broker: { store: 'store' } }), store],
      beforeLaunch: () => fs.chmodSync(userDir, 0o555),
    });
    await bed.roundTrip('elsewhere', 'one', nodeRed);
    await nodeRed.stop();
    fs.chmodSync(userDir, 0o755);
    assert.deepEqual(storedSessions(store.path), ['elsewhere']);
    assert.equal(storedSessions(path.join(userDir, FOLDER)), undefined);
  });

  it('may be on a full disk: new messages are refused, and taken again when there is room', async function () {
    const folder = temporaryDirectory();
    const disk = smallFileSystem(folder, 4);
    if (disk === undefined) return this.skip();
    const store = { id: 'store', type: 'mqtt-session-store', name: '', path: folder };
    const nodeRed = await bed.start(userDirectory(), {
      ...disk,
      flows: [...bed.flow('full', { broker: { store: 'store' } }), store, ...ticking({ everySeconds: 0.2 })],
    });
    await bed.roundTrip('full', 'one', nodeRed);
    const filler = path.join('/proc', String(nodeRed.pid), 'root', folder, FILLER);
    fillDisk(filler);
    await logged(nodeRed, /\[error\] \[mqtt-persistent-out:out\] .*No new message is stored: .* MiB free/);
    const stored = () => nodeRed.logs().match(/stored tick/g)?.length ?? 0;
    const before = stored();
    fs.rmSync(filler);
    await until(() => stored() > before, 'messages to be taken again', nodeRed);
    await bed.publish('full', 'two');
    await bed.echoed('full', 'two', nodeRed);
    await nodeRed.stop();
    assert.doesNotMatch(nodeRed.logs(), /Uncaught|unhandled/i);
  });

  it('may be on a disk that is full already when Node-RED starts', async function () {
    const folder = temporaryDirectory();
    const disk = smallFileSystem(folder, 4, { full: true });
    if (disk === undefined) return this.skip();
    const store = { id: 'store', type: 'mqtt-session-store', name: '', path: folder };
    const nodeRed = await bed.start(userDirectory(), {
      ...disk,
      flows: [...bed.flow('boot', { broker: { store: 'store' } }), store, ...ticking({ everySeconds: 0.2 })],
    });
    const reason = `The session storage path ${folder} cannot be used now: ENOSPC`;
    for (const node of ['mqtt-persistent-broker:broker', 'mqtt-persistent-out:out']) {
      await logged(nodeRed, new RegExp(`\\[error\\] \\[${node}\\] .*${reason}`));
    }
    assert.doesNotMatch(nodeRed.logs(), /stored tick/);
    fs.rmSync(path.join('/proc', String(nodeRed.pid), 'root', folder, FILLER));
    await logged(nodeRed, /stored tick/);
    await bed.roundTrip('boot', 'one', nodeRed);
    await nodeRed.stop();
    assert.doesNotMatch(nodeRed.logs(), /Uncaught|unhandled/i);
  });
});

/** Writes a file until there is no space left. */
function fillDisk(file: string): void {
  const block = Buffer.alloc(16_384);
  const handle = fs.openSync(file, 'w');
  try {
    for (;;) fs.writeSync(handle, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    fs.closeSync(handle);
  }
}
