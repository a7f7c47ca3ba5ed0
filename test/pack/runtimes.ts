import { type NodeRedOptions, type NodeRedProcess, startNodeRed } from '../support/node-red-process';

/** A Node-RED with the Node.js that belongs to it. */
export interface Runtime {
  title: string;
  /** Variables of the environment with the path of the Node.js binary and of the `node-red` package. */
  node: string;
  nodeRed: string;
  /** What Node-RED says about itself when it starts. */
  versions: readonly RegExp[];
}

export const runtimes: readonly Runtime[] = [
  {
    title: 'Node-RED 4.1 on Node.js 20',
    node: 'NODE_20',
    nodeRed: 'NODE_RED_4',
    versions: [/Node-RED version: v4\.1\./, /Node\.js {2}version: v20\./],
  },
  {
    title: 'Node-RED 5 on Node.js 24',
    node: 'NODE_24',
    nodeRed: 'NODE_RED_5',
    versions: [/Node-RED version: v5\./, /Node\.js {2}version: v24\./],
  },
];

/** Path of the Node.js binary of a runtime. @throws Error outside `npm test`, which installs the versions. */
export function nodeBinary(runtime: Runtime): string {
  return fromEnvironment(runtime.node);
}

/** Starts the Node-RED of `runtime` on a user directory in which the package is installed. */
export function startRuntime(
  runtime: Runtime,
  userDir: string,
  options: Omit<NodeRedOptions, 'packageFolder'> = {},
): Promise<NodeRedProcess> {
  return startNodeRed(userDir, { ...options, ...programsOf(runtime), packageFolder: null });
}

/** Options to start the Node-RED of `runtime`. @throws Error outside `npm test`, which installs the versions. */
export function programsOf(runtime: Runtime): Required<Pick<NodeRedOptions, 'nodeBinary' | 'nodeRedDir'>> {
  return { nodeBinary: nodeBinary(runtime), nodeRedDir: fromEnvironment(runtime.nodeRed) };
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this suite with \`npm test -- --only <suite>\``);
  return value;
}
