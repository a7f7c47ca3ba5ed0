import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../lib/project.mjs';

export const usage = `npm run demo -- [options]

  --reset               forget everything of earlier runs, then start
  --port <number>       first port to try for Node-RED (1880); 0 takes any free one
  --broker-port <number>  first port to try for the broker (1883); 0 takes any free one
  --data <folder>       where Node-RED and the demo keep their data (.demo)
  --help                show this text`;

function portOf(name, text) {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new Error(`--${name} must be a number from 0 to 65535, not "${text}".`);
  }
  return port;
}

/**
 * What a person asked for: `{ help, reset, port, brokerPort, data }`, `data` as an absolute path. Throws with the
 * option and what is wrong with it.
 */
export function optionsOf(args) {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', default: false },
      reset: { type: 'boolean', default: false },
      port: { type: 'string', default: '1880' },
      'broker-port': { type: 'string', default: '1883' },
      data: { type: 'string', default: path.join(root, '.demo') },
    },
  });
  return {
    help: values.help,
    reset: values.reset,
    port: portOf('port', values.port),
    brokerPort: portOf('broker-port', values['broker-port']),
    data: path.resolve(values.data),
  };
}
