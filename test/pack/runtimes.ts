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
export async function startRuntime(
  runtime: Runtime,
  userDir: string,
  options: Omit<NodeRedOptions, 'packageFolder'> = {},
): Promise<NodeRedProcess> {
  const { NODE_BINARY, NODE_RED_DIR } = process.env;
  process.env.NODE_BINARY = nodeBinary(runtime);
  process.env.NODE_RED_DIR = fromEnvironment(runtime.nodeRed);
  try {
    return await startNodeRed(userDir, { ...options, packageFolder: null });
  } finally {
    restore('NODE_BINARY', NODE_BINARY);
    restore('NODE_RED_DIR', NODE_RED_DIR);
  }
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this suite with \`npm test -- --only pack\``);
  return value;
}
