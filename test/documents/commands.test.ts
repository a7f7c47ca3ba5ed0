import * as assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { after, before, describe, it } from 'mocha';
import { flipBit, segmentsOf, sessionPath, storeQueue } from '../admin/storage-fixture';
import { root } from '../architecture/sources';
import { type FlowNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { type CodeBlock, codeBlocks, inlineCommands, nameOf } from './code-blocks';
import { assertScriptIsRun, assertTakesOption } from './project-scripts';

/** Run here. */
const COMMANDS = ['sh', 'console'];
/** Run elsewhere: the file, and what in it does it. */
const RUN_ELSEWHERE: Readonly<Record<string, { by: string; with: string }>> = {
  js: { by: 'test/pack/library.test.ts', with: "language === 'js'" },
  // Compared with what is in the code.
  mermaid: { by: 'test/documents/diagrams.test.ts', with: "language === 'mermaid'" },
  // Signatures, made of the code and compared with it; in that document alone.
  ts: { by: 'scripts/lib/suites.mjs', with: "command: ['scripts/docs.mjs', '--check']" },
};
/** Nothing to run: layouts of folders and files. */
const NOT_RUN = ['text'];
/** What test/pack does, with the packed package instead of the registry's. */
const INSTALLATION = {
  command: 'npm install @mqtt-sessions/node-red',
  by: 'test/pack/installation.ts',
  with: "npm(userDir(), 'install'",
};
/** From a copy: it opens the session, which leaves traces that the printed answers do not have. */
const EXPORT = 'cp -r mqtt-sessions copy && npx mqtt-sessions export copy gateway-7 && rm -r copy';
/** Commands in sentences that are run with what they leave open. */
const COMPLETED: Readonly<Record<string, string>> = {
  'npx mqtt-sessions verify <folder>': 'npx mqtt-sessions verify mqtt-sessions',
  'npx mqtt-sessions export': EXPORT,
  'npx mqtt-sessions <command> ...': 'npx mqtt-sessions list mqtt-sessions',
  'mqtt-sessions export': EXPORT,
};

const blocks = codeBlocks();
const commandsOf = ({ text }: CodeBlock): string[] =>
  text
    .replace(/\\\n\s*/g, '')
    .trim()
    .split('\n');
const isProjectCommand = (command: string): boolean => /^(?:unshare -rm )?npm (test|run)\b/.test(command);
const isRunHere = (block: CodeBlock): boolean =>
  block.language === 'sh' &&
  !commandsOf(block).some((command) => isProjectCommand(command) || command === INSTALLATION.command);

describe('the commands in the documents', function () {
  this.timeout(60_000);
  let home: string;

  before(async () => {
    home = temporaryDirectory();
    const userDir = path.join(home, '.node-red');
    const installed = path.join(userDir, 'node_modules', '@mqtt-sessions');
    fs.mkdirSync(path.join(userDir, 'node_modules', '.bin'), { recursive: true });
    fs.mkdirSync(installed);
    fs.symlinkSync(root, path.join(installed, 'node-red'), 'junction');
    const bin = path.join(root, 'dist', 'src', 'cli', 'main.js');
    fs.chmodSync(bin, 0o755);
    fs.symlinkSync(bin, path.join(userDir, 'node_modules', '.bin', 'mqtt-sessions'));
    fs.writeFileSync(path.join(userDir, 'package.json'), '{ "name": "node-red-project", "private": true }\n');
    fs.writeFileSync(path.join(userDir, 'flows.json'), JSON.stringify([{ id: 'in', type: 'mqtt in', topic: 'a' }]));
    await storeQueue(path.join(userDir, 'mqtt-sessions'), 'gateway-7', 12);
  });
  after(() => fs.rmSync(home, { recursive: true, force: true }));

  /** Runs a script as a person would type it, in the user directory unless it goes elsewhere; the first failure ends it. */
  const sh = (script: string, cwd = path.join(home, '.node-red')): Promise<{ code: unknown; output: string }> =>
    new Promise((resolve) => {
      const env = {
        ...process.env,
        HOME: home,
        CURL_HOME: home,
        npm_config_offline: 'true',
        npm_config_loglevel: 'error',
      };
      execFile('sh', ['-e', '-c', script], { cwd, env, timeout: 30_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : (error.code ?? error.signal), output: stdout + stderr });
      });
    });

  it('are in blocks that say what they are', () => {
    const languages = [...COMMANDS, ...Object.keys(RUN_ELSEWHERE), ...NOT_RUN];
    const unknown = blocks.filter(({ language }) => !languages.includes(language));
    assert.deepEqual(unknown.map(nameOf), [], `the language of a block is one of ${languages.join(', ')}`);
    const run = blocks.filter((block) => isRunHere(block) || block.language === 'console');
    assert.ok(run.length >= 4, 'few blocks were found');
  });

  for (const [language, { by, with: what }] of [
    ...Object.entries(RUN_ELSEWHERE),
    [INSTALLATION.command, INSTALLATION] as const,
  ]) {
    it(`are run elsewhere, where it is said: ${language}`, () => {
      assert.ok(blocks.some((block) => block.language === language || commandsOf(block).includes(language)));
      assert.ok(fs.readFileSync(path.join(root, by), 'utf8').includes(what), `there is no ${what} in ${by}`);
    });
  }

  it('are not hidden in blocks with nothing to run, and signatures only in the page that is made of them', () => {
    const isCommand = (line: string) => /^\s*(?:\$ |(?:npx|npm|node|curl|sudo|docker) )/.test(line);
    const hidden = blocks.filter(
      ({ language, text }) => NOT_RUN.includes(language) && text.split('\n').some(isCommand),
    );
    assert.deepEqual(hidden.map(nameOf), []);
    const signatures = blocks.filter(({ language }) => language === 'ts').map(({ document }) => document);
    assert.deepEqual([...new Set(signatures)], ['docs/library.md']);
  });

  for (const block of blocks.filter(({ language }) => language === 'sh')) {
    const projectCommands = commandsOf(block).filter(isProjectCommand);
    if (projectCommands.length > 0) {
      it(`of the project exist, and are run by a test: ${nameOf(block)}`, () => {
        assert.equal(projectCommands.length, commandsOf(block).length, 'commands of a project and others in one block');
        projectCommands.forEach(assertProjectCommand);
      });
    }
  }

  /** The script is run, and takes the options that the document gives it. */
  function assertProjectCommand(command: string): void {
    const [, name = '', given = ''] = /npm (?:run )?([\w-]+)([^#]*)/.exec(command) ?? [];
    const script = assertScriptIsRun(name);
    const options = [...given.matchAll(/\s\[?--([a-z][\w-]*)/g)].map(([, option = '']) => option);
    for (const option of options) assertTakesOption(script ?? assert.fail(`${name} takes no options`), option);
  }

  const sentences = inlineCommands();
  for (const { document, line, text } of sentences.filter((one) => isProjectCommand(one.text))) {
    it(`of the project exist in a sentence, too: ${document}:${line}: ${text}`, () => assertProjectCommand(text));
  }

  for (const { document, line, text } of sentences.filter((one) => !isProjectCommand(one.text))) {
    it(`do what they say in a sentence, too: ${document}:${line}: ${text}`, async () => {
      const { code, output } = await sh(COMPLETED[text] ?? text);
      assert.equal(code, 0, output);
      assert.notEqual(output, '');
    });
  }

  it('of sentences are completed only where they are incomplete', () => {
    const found = sentences.map(({ text }) => text);
    assert.deepEqual(
      Object.keys(COMPLETED).filter((text) => !found.includes(text)),
      [],
    );
  });

  for (const block of blocks.filter((one) => isRunHere(one) && !one.text.includes('curl'))) {
    it(`do what they say: ${nameOf(block)}`, async () => {
      const { code, output } = await sh(block.text);
      assert.equal(code, 0, output);
      assert.notEqual(output, '');
    });
  }

  describe('for a running Node-RED', () => {
    let nodeRed: NodeRedProcess;
    before(async () => {
      const broker = {
        ...session({ port: 1, directory: '', clientid: 'gateway-7', autoConnect: false })[1],
        store: '',
      };
      const out = { id: 'out', type: 'mqtt-persistent-out', z: 'tab', broker: broker.id, topic: 'a', wires: [] };
      nodeRed = await startNodeRed(temporaryDirectory(), { flows: [tab, broker as FlowNode, out] });
      fs.writeFileSync(path.join(home, '.curlrc'), 'silent\nshow-error\nfail-with-body\n');
    });
    after(() => nodeRed?.kill());

    for (const block of blocks.filter((one) => isRunHere(one) && one.text.includes('curl'))) {
      it(`are answered: ${nameOf(block)}`, async () => {
        const address = 'http://localhost:1880';
        assert.ok(block.text.includes(address), `the block calls ${address}`);
        const downloads = temporaryDirectory();
        const { code, output } = await sh(block.text.replaceAll(address, nodeRed.url), downloads);
        assert.equal(code, 0, output);
        assert.match(output, /gateway-7/);
        assert.match(fs.readdirSync(downloads).join('\n'), /^gateway-7~[\da-f]+\.jsonl$/);
      });
    }
  });

  // The numbers are those of another day; the words must be today's.
  for (const block of blocks.filter(({ language }) => language === 'console')) {
    it(`answer as printed: ${nameOf(block)}`, async () => {
      const [first = '', ...printed] = block.text.trimEnd().split('\n');
      assert.ok(first.startsWith('$ '), 'the block begins with the command');
      const userDir = path.join(home, '.node-red');
      const storagePath = path.join(userDir, 'mqtt-sessions');
      await storeQueue(storagePath, 'press-2', 40);
      const [segment] = segmentsOf(sessionPath(storagePath, 'press-2'));
      assert.ok(segment !== undefined);
      flipBit(segment, fs.readFileSync(segment).indexOf('message 19'));
      const { output } = await sh(`${first.slice(2)} || true`);
      const withoutNumbers = (line: string) => line.replace(/~[^/]+\//g, '~…/').replace(/\d+/g, 'N');
      assert.deepEqual(output.trimEnd().split('\n').map(withoutNumbers), printed.map(withoutNumbers));
    });
  }
});
