// npm run demo [-- --reset] [-- --port 1880 --broker-port 1883 --data .demo]
//
// Installs and builds what is missing, then runs an MQTT broker and Node-RED with an example flow until Ctrl-C.
// Exit codes: 0 ended by Ctrl-C, 1 something failed, 2 could not start.
import './lib/require-node.mjs';

void import('./demo/main.mjs')
  .then(({ demo }) => demo(process.argv.slice(2)))
  .then((exitCode) => process.exit(exitCode));
