// The one table of test suites, in the order in which they run.
//
//   tests           folders below test/ whose *.test.ts files mocha runs; `rest` means: all that no other suite names
//   entry, command  instead of tests: a script that passes with exit code 0, there when its entry file exists
//   nodes           Node.js versions to run on; `current` is the one that runs the script
//   atOnce          how many of them side by side; default 1
//   environment     further versions, handed to the tests as paths in environment variables
//   besideNext      runs side by side with the next one in the table
//   programs        system programs, handed over as MOSQUITTO and CHROMIUM
//   timeoutSeconds  for one run; after it everything that the run started is killed
export const suites = [
  { name: 'unit', tests: 'rest', nodes: ['current', '20.15.0', '22', '24'], atOnce: 4, timeoutSeconds: 600 },
  { name: 'cli', tests: ['cli'], timeoutSeconds: 180, besideNext: true },
  {
    name: 'soak',
    entry: 'test/soak/main.ts',
    command: ['scripts/soak.mjs', '--minutes', '1'],
    programs: ['mosquitto'],
    timeoutSeconds: 300,
    besideNext: true,
  },
  { name: 'nodes', tests: ['nodes'], programs: ['mosquitto'], timeoutSeconds: 180 },
  {
    name: 'mutations',
    entry: 'test/mutations/main.ts',
    command: ['scripts/mutations.mjs', '--selection'],
    programs: ['mosquitto'],
    timeoutSeconds: 300,
    besideNext: true,
  },
  { name: 'parity', tests: ['parity'], programs: ['mosquitto'], timeoutSeconds: 240, besideNext: true },
  {
    name: 'parity-node-red-5',
    tests: ['parity/messages'],
    nodes: ['24'],
    programs: ['mosquitto'],
    environment: { NODE_RED_DIR: { nodeRed: 5 } },
    timeoutSeconds: 120,
  },
  { name: 'examples', tests: ['examples'], programs: ['mosquitto'], timeoutSeconds: 180, besideNext: true },
  // docs/library.md says what the docstrings say.
  {
    name: 'library-page',
    entry: 'scripts/docs.mjs',
    command: ['scripts/docs.mjs', '--check'],
    timeoutSeconds: 120,
  },
  // Alone: some of the commands build the package anew.
  { name: 'documents', tests: ['documents'], programs: ['mosquitto'], timeoutSeconds: 300 },
  { name: 'crash-points', tests: ['crash-points'], timeoutSeconds: 240, besideNext: true },
  { name: 'security', tests: ['security', 'damage'], programs: ['mosquitto'], timeoutSeconds: 300 },
  { name: 'io-faults', tests: ['io-faults'], timeoutSeconds: 240, besideNext: true },
  { name: 'holders', tests: ['holders', 'interop'], programs: ['mosquitto'], timeoutSeconds: 240 },
  // The first half with the same episodes every time, so that a change is judged by what it changed; then fresh ones. Alone,
  // because it takes all processors to reach a million steps, and each kind of event a thousand times, within a minute.
  {
    name: 'simulate',
    entry: 'test/simulation/main.ts',
    command: ['scripts/simulate.mjs', '--seconds', '60', '--seed', '5551234', '--fresh', '--json'],
    timeoutSeconds: 300,
  },
  { name: 'crash', tests: ['crash'], programs: ['mosquitto'], timeoutSeconds: 480 },
  {
    name: 'pack',
    tests: ['pack'],
    programs: ['mosquitto'],
    environment: {
      NODE_20: { node: '20.15.0' },
      NODE_24: { node: '24' },
      NODE_RED_4: { nodeRed: 4 },
      NODE_RED_5: { nodeRed: 5 },
    },
    timeoutSeconds: 300,
    besideNext: true,
  },
  {
    name: 'environments',
    tests: ['environments'],
    programs: ['mosquitto'],
    environment: {
      NODE_20: { node: '20.15.0' },
      NODE_22: { node: '22' },
      NODE_24: { node: '24' },
      NODE_RED_4: { nodeRed: 4 },
      NODE_RED_5: { nodeRed: 5 },
    },
    timeoutSeconds: 300,
  },
  { name: 'browser', tests: ['browser'], programs: ['mosquitto', 'chromium'], timeoutSeconds: 480, besideNext: true },
  {
    name: 'browser-node-red-5',
    tests: ['browser'],
    nodes: ['24'],
    programs: ['mosquitto', 'chromium'],
    environment: { NODE_RED_DIR: { nodeRed: 5 } },
    timeoutSeconds: 480,
  },
  // On Node.js 24 the demo runs Node-RED 5.
  { name: 'demo', tests: ['demo'], nodes: ['current', '24'], timeoutSeconds: 120 },
];

/** All suites together must end within this time. */
export const budgetSeconds = 24 * 60;
