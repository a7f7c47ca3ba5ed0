// Imported first by every entry script. It has no imports and no syntax that an old Node cannot read; the scripts load
// everything else with import(), after this check.
const required = [20, 15];
const running = process.versions.node.split('.').map(Number);
if (running[0] < required[0] || (running[0] === required[0] && running[1] < required[1])) {
  console.error(`Node.js ${required.join('.')} or newer is needed, this is ${process.versions.node}.`);
  process.exit(2);
}
