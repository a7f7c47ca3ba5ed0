// The page of the library's functions, made from their docstrings.
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { run } from './command.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { root } from './project.mjs';

const TOOL = path.join(root, 'scripts', 'library-docs');
const PAGE = path.join(root, 'docs', 'library.md');
const HEAD = `# The library

The package's main export, made from the docstrings in \`src\` by \`npm run docs\`. The way through it:
\`openSessionStore\`, \`new SessionClient\`, \`open\`, \`connect\`, \`publish\` and \`subscribe\`, \`close\`;
[the guide](guide.md#without-node-red) has a program to start from.
`;

/** Makes the page, or with `--check` compares it; sets the exit code. */
export async function libraryPage(args) {
  const check = args.includes('--check');
  await ensureDependencies();
  await ensureDependencies({ folder: TOOL });
  const page = await render();
  if (!check) {
    await fs.writeFile(PAGE, page);
    return;
  }
  if ((await fs.readFile(PAGE, 'utf8')) === page) {
    console.log('docs/library.md says what the docstrings say.');
    return;
  }
  console.error('docs/library.md is not what the docstrings say: run "npm run docs" and commit it.');
  process.exitCode = 1;
}

async function render() {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'library-page-'));
  try {
    const typedoc = path.join(TOOL, 'node_modules', 'typedoc', 'bin', 'typedoc');
    const { exitCode } = await run(process.execPath, [typedoc, '--out', folder, '--logLevel', 'Warn'], {
      cwd: TOOL,
      stdout: 'stderr',
    });
    if (exitCode !== 0) throw new Error('typedoc found something to mend in the docstrings; see above.');
    const text = await fs.readFile(path.join(folder, 'README.md'), 'utf8');
    const body = text.replace(/^# .*\n+/, '').replaceAll('__namedParameters', 'options');
    return `${HEAD}\n${body.trimEnd()}\n`;
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
}
