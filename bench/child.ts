import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Answer, Request, RoundResult } from './contenders/contender';

/** A contender in a process of its own. */
export class Child {
  readonly #process;

  /** `nodeBinary`: another Node.js than the one that runs the benchmark. `nodeArguments`: for it. */
  constructor(
    contender: string,
    environment: Record<string, string> = {},
    nodeBinary = process.execPath,
    nodeArguments: readonly string[] = [],
  ) {
    const loader = createRequire(__filename).resolve('tsx/cjs');
    this.#process = fork(join(__dirname, 'contenders', `${contender}.ts`), {
      execPath: nodeBinary,
      execArgv: [...nodeArguments, '--require', loader],
      env: { ...process.env, ...environment },
    });
  }

  /** @throws Error when the contender fails or its process ends. */
  ask(request: Request): Promise<RoundResult | undefined> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the contender ended with code ${code}`));
      this.#process.once('exit', ended);
      this.#process.once('message', (answer: Answer) => {
        this.#process.off('exit', ended);
        if (answer.type === 'failed') reject(new Error(answer.error));
        else resolve(answer.result);
      });
      this.#process.send(request);
    });
  }

  async round(
    request: Extract<Request, { type: 'round' | 'drain' | 'receive' | 'open' | 'append' | 'produce' }>,
  ): Promise<RoundResult> {
    return (await this.ask(request)) as RoundResult;
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#process.kill(signal);
  }
}
