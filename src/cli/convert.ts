import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { type ChangedNode, type ConvertGroup, convertFlows, type Obstacle, type Warning } from '../convert';
import { type Command, ExitCode, print, printJson } from './command';
import { readFlowFile, replaceFlowFile } from './flow-file';

/** As in the client ids that broker nodes make: 22 letters and digits, which every server must accept. */
const CLIENT_ID_RANDOM_BYTES = 10;

/** The other meaning of exit code 1. */
const SOME_LEFT = 1;

export const convertCommand: Command = {
  positionals: ['<flow file>'],
  summary: "turns Node-RED's own MQTT nodes into persistent ones; keeps the old file beside it; 1: some had to stay",
  options: {
    back: { type: 'boolean', help: "from the persistent nodes to Node-RED's own" },
    'keep-session-settings': {
      type: 'boolean',
      help: 'does not switch clean session off, and gives no client id where there is none',
    },
    output: { type: 'string', value: 'file', help: 'writes to another file' },
    'dry-run': { type: 'boolean', help: 'only tells what would change' },
  },
  async run({ positionals: [file = ''], flag, option }) {
    const source = await readFlowFile(file);
    const { flows, groups, changed } = convertFlows(source.flows, {
      direction: flag('back') ? 'to-core' : 'to-persistent',
      persistSessions: !flag('keep-session-settings'),
      newClientId: () => `nr${randomBytes(CLIENT_ID_RANDOM_BYTES).toString('hex')}`,
    });
    const output = option('output');
    const target = output === undefined ? source.path : await realTarget(output);
    const isWritten = changed.length > 0 && !flag('dry-run');
    const backup = isWritten
      ? await replaceFlowFile(target, source.format(flows), target === source.path ? source.bytes : undefined)
      : undefined;
    const left = groups.filter(({ obstacles }) => obstacles.length > 0);
    if (flag('json')) {
      printJson({ file: target, written: isWritten, backup, changed, left });
    } else {
      for (const line of groups.flatMap(linesOf)) print(line);
      if (changed.length === 0)
        print(`${file}: ${left.length === 0 ? 'no MQTT nodes to convert' : 'nothing was changed'}.`);
      else if (!isWritten) print(`${file}: ${countOf(changed)} would change; nothing was written.`);
      else {
        const kept = backup === undefined ? '' : `; as it was: ${path.basename(backup)}`;
        print(`${output ?? file}: ${countOf(changed)} changed${kept}.`);
        if (!source.isUsualStyle) print('The file had a layout of its own, which could not be kept.');
        print('Start Node-RED to load it. Do not deploy from an editor that still shows the old flow.');
      }
    }
    return left.length > 0 ? SOME_LEFT : ExitCode.Done;
  },
};

/** What a link leads to is replaced, not the link. */
async function realTarget(output: string): Promise<string> {
  try {
    return await fs.realpath(output);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return path.resolve(output);
  }
}

function linesOf({ changed, obstacles }: ConvertGroup): string[] {
  if (obstacles.length === 0) return changed.flatMap(linesOfNode);
  const nodes = changed.map(({ from, label }) => `${from} "${label}"`).join(', ');
  return [`left as they are: ${nodes}`, ...obstacles.map((obstacle) => `  because ${obstacleText(obstacle)}`)];
}

function linesOfNode({ id, from, type, label, warnings }: ChangedNode): string[] {
  const change = from === type ? `${type} "${label}" (${id}): its property` : `${from} "${label}" (${id}) -> ${type}`;
  return [change, ...warnings.map((warning) => `  ${warningText(warning)}`)];
}

function countOf({ length }: readonly unknown[]): string {
  return length === 1 ? '1 node' : `${length} nodes`;
}

function obstacleText({ reason, node }: Obstacle): string {
  const named = `${node.type} "${node.label}" (${node.id})`;
  return reason === 'used-by'
    ? `${named} uses the same broker node, and cannot be converted. Give it a broker node of its own first.`
    : `${named} is on a locked flow. Unlock it first.`;
}

function warningText(warning: Warning): string {
  switch (warning.code) {
    case 'certificates':
      return "the broker's certificate is verified now; it was not. Choose a TLS configuration if the broker uses one of its own.";
    case 'client-id-new':
      return `its client id is now ${warning.clientId}. A flow that runs on several machines needs another on each: clear the field, and each makes its own.`;
    case 'client-id-shared':
      return `the client id ${warning.clientId} is also that of ${warning.others.join(', ')}, which is refused at deploy. Give each its own, or let all nodes use one broker node.`;
    case 'client-id-needed':
      return "it has no client id, so Node-RED's own node uses a clean session and keeps nothing.";
    case 'session-expiry':
      return "it has no session expiry, so the broker forgets the session of Node-RED's own node when the connection ends.";
    case 'fields-lost':
      return `settings that Node-RED's own node does not have are gone: ${warning.fields.join(', ')}.`;
  }
}
