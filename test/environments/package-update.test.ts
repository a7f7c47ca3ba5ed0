import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { temporaryDirectory } from '../nodes/flow';
import { AdminApi } from '../pack/admin-api';
import { npm, withInstallation } from '../pack/installation';
import type { NodeRedProcess } from '../support/node-red-process';
import { EchoBed } from './echo-bed';

const NEWER = '99.0.0';
const INSTALL = ['install', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'];

/** Packs the installed package once more, with a higher version number. */
async function packNewer(packageDir: string): Promise<string> {
  const folder = path.join(temporaryDirectory(), 'newer');
  fs.cpSync(packageDir, folder, { recursive: true });
  const file = path.join(folder, 'package.json');
  fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(fs.readFileSync(file, 'utf8')), version: NEWER }));
  await npm(folder, 'pack', '--ignore-scripts');
  const [tarball] = fs.readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  return path.join(folder, tarball as string);
}

async function versionIn({ url }: NodeRedProcess): Promise<string> {
  const [set] = await new AdminApi(url).nodeSets();
  return (set as unknown as { version: string }).version;
}

describe('a newer version of the package, installed while Node-RED runs', function () {
  this.timeout(120_000);
  const installation = withInstallation();
  const bed = EchoBed.inSuite();

  it('leaves what runs alone, and goes on with its sessions from the next start on', async () => {
    const { userDir, packageDir } = installation;
    const flows = bed.flow('update');
    let nodeRed = await bed.start(userDir, { flows, packageFolder: null });
    const older = await versionIn(nodeRed);
    await bed.roundTrip('update', 'one', nodeRed);

    await npm(userDir, ...INSTALL, await packNewer(packageDir));
    assert.equal(await versionIn(nodeRed), older);
    await bed.publish('update', 'two');
    await bed.echoed('update', 'two', nodeRed);
    await nodeRed.deploy(flows);
    await bed.publish('update', 'three');
    await bed.echoed('update', 'three', nodeRed);
    await nodeRed.kill();
    assert.doesNotMatch(nodeRed.logs(), /Uncaught|unhandled|\[(warn|error)\] \[mqtt/i);

    await bed.publish('update', 'four');
    nodeRed = await bed.start(userDir, { packageFolder: null });
    assert.equal(await versionIn(nodeRed), NEWER);
    await bed.echoed('update', 'four', nodeRed);
    assert.deepEqual(bed.echoes('update'), ['one', 'two', 'three', 'four']);
  });
});
