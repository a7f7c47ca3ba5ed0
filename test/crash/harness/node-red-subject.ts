import * as path from 'node:path';
import { type NodeRedProcess, startNodeRed } from '../../support/node-red-process';
import { crashFlow, reportedErrors } from './flow';
import { ALL_STREAMS } from './library-subject';
import { firstNumber, KEEPALIVE_S, type Subject, type SubjectOptions } from './subject';

/**
 * A real Node-RED with one broker node for each protocol version, those of this package or, with `core`, Node-RED's own;
 * see {@link crashFlow}. For {@link runCampaign}.
 */
export function startNodeRedSubject(
  perSecond: number,
  nodes: 'persistent' | 'core' = 'persistent',
): (options: SubjectOptions) => Subject {
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
        nodes,
        streams: ALL_STREAMS,
        keepalive: KEEPALIVE_S,
        handedFile: testBed.ledger.handedFile,
        largeFile: testBed.largeFile,
      }),
      // As short a wait between two attempts to connect as that of the other subjects.
      settings: { mqttReconnectTime: 1_000 },
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
        // Killed before it was there, its start goes on until it notices.
        await started.catch(() => undefined);
      },
      stop: async () => current?.stop(),
    };
  };
}
