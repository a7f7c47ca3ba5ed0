import { runtimes as packRuntimes, type Runtime } from '../pack/runtimes';

export { programsOf } from '../pack/runtimes';

/** Every supported pair of Node-RED and Node.js. */
export const runtimes: readonly Runtime[] = [
  ...packRuntimes,
  {
    title: 'Node-RED 5 on Node.js 22',
    node: 'NODE_22',
    nodeRed: 'NODE_RED_5',
    versions: [/Node-RED version: v5\./, /Node\.js {2}version: v22\./],
  },
];
