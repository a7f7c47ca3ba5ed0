// Loaded into Node-RED with --require: at a signal it writes what the process has used, after garbage collection.
const v8 = require('node:v8');
const vm = require('node:vm');

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

process.on('SIGUSR2', () => {
  const { user, system } = process.cpuUsage();
  collectGarbage();
  collectGarbage();
  const { rss, heapUsed } = process.memoryUsage();
  console.log(`usage: ${JSON.stringify({ cpuMs: (user + system) / 1000, wallMs: performance.now(), rss, heapUsed })}`);
});
