import * as path from 'node:path';
import { type NodeRedProcess, startNodeRed } from '../../support/node-red-process';
import { firstNumber, type Subject, type SubjectOptions } from './campaign';
import { crashFlow, reportedErrors } from './flow';

/** A real Node-RED with one broker node for each protocol version; see {@link crashFlow}. For {@link runCampaign}. */
export function startNodeRedSubject(perSecond: number): (options: SubjectOptions) => Subject {
  return ({ testBed, generation, traffic }) => {
    let current: NodeRedProcess | undefined;
    let killed = false;
    const started = startNodeRed(path.join(testBed.directory, 'node-red'), {
      flows: crashFlow({
        brokerPort: testBed.proxy.port,
        storePath: testBed.storePath,
        doneFile: testBed.ledger.doneFile,
        receivedFile: testBed.ledger.receivedFile,
        perSecond,
      }),
      env: {
        GENERATION: String(generation),
        FIRST: String(firstNumber(generation)),
        TRAFFIC: traffic ? '1' : '0',
      },
      onSpawn: (process) => {
        current = process;
        // Between two attempts to start it.
        if (killed) void process.kill();
      },
    }).then(() => undefined);
    // Who kills it while it starts does not wait for this.
    started.catch(() => undefined);
    return {
      started,
      errors: () => reportedErrors(current?.logs() ?? ''),
      log: () => current?.logs() ?? '',
      kill: async () => {
        killed = true;
        await current?.kill();
      },
      stop: async () => current?.stop(),
    };
  };
}
