import * as assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'mocha';
import { root } from '../architecture/sources';
import { temporaryDirectory } from '../nodes/flow';

/** Where npm asks for advisories: of many packages at once. */
const ADVISORIES = '/-/npm/v1/security/advisories/bulk';
const ADVISORY = {
  id: 1,
  url: 'https://example.com/advisories/1',
  title: 'Anybody may publish',
  severity: 'high',
  vulnerable_versions: '>=0',
  cwe: [],
  cvss: { score: 8, vectorString: null },
};

describe('npm run audit', function () {
  this.timeout(60_000);
  let registry: http.Server | undefined;
  afterEach(() => void registry?.close());

  /** A registry that answers like this when it is asked for advisories, and knows nothing else. */
  async function startRegistry(status: number, advisories: object): Promise<string> {
    const server = http.createServer((request, response) => {
      request.resume();
      const isAsked = request.method === 'POST' && request.url === ADVISORIES;
      response.writeHead(isAsked ? status : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isAsked ? advisories : { error: 'not found' }));
    });
    registry = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const audit = (address: string): Promise<{ code: unknown; output: string }> =>
    new Promise((resolve) => {
      const settings = {
        npm_config_registry: address,
        npm_config_cache: temporaryDirectory(),
        npm_config_fetch_retries: '0',
      };
      execFile(
        process.execPath,
        ['scripts/audit.mjs'],
        { cwd: root, env: { ...process.env, ...settings } },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : error.code, output: stdout + stderr });
        },
      );
    });

  it('says that nothing is known, and ends well', async () => {
    const { code, output } = await audit(await startRegistry(200, {}));
    assert.match(output, /^No known weaknesses in the runtime dependencies\.$/m);
    assert.equal(code, 0, output);
  });

  it('names what is known, and fails', async () => {
    const { code, output } = await audit(await startRegistry(200, { 'mqtt-packet': [ADVISORY] }));
    assert.match(output, /^high: mqtt-packet\b/m);
    assert.match(output, /\d known weaknesses/);
    assert.equal(code, 1, output);
  });

  it('says that it could not ask, where a registry has no such endpoint, or there is none', async () => {
    const address = await startRegistry(404, { error: 'not found' });
    const without = await audit(address);
    assert.match(
      without.output,
      /^Not audited: the registry in use has no audit endpoint, or it could not be reached/m,
    );
    assert.equal(without.code, 2, without.output);
    await new Promise((resolve) => registry?.close(resolve));
    const gone = await audit(address);
    assert.match(gone.output, /^Not audited: /m);
    assert.equal(gone.code, 2, gone.output);
  });
});
