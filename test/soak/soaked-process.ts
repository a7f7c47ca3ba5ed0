import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import { within } from '../support/wait';
import type { Command, Sample, SoakProcessOptions } from './protocol';

const START_TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 60_000;

/** The process under test, seen from outside; see soak-process.ts. */
export class SoakedProcess {
  readonly #child: ChildProcess;
  readonly #open: Promise<void>;
  #answers = 0;

  constructor(options: SoakProcessOptions) {
    this.#child = fork(path.join(__dirname, 'soak-process.ts'), [JSON.stringify(options)], {
      execArgv: ['--expose-gc', '--require', 'tsx/cjs'],
    });
    process.once('exit', () => this.#child.kill('SIGKILL'));
    this.#open = this.#next(({ open }) => open === true).then(() => undefined);
  }

  /** Resolves when its sessions are open and it publishes. */
  whenOpen(): Promise<void> {
    return within(this.#open, START_TIMEOUT_MS, 'open sessions');
  }

  async sample(): Promise<Sample> {
    return (await this.#call('sample')) as Sample;
  }

  async stopTraffic(): Promise<void> {
    await this.#call('stopTraffic');
  }

  /** Closes its sessions in order, and waits for its end. */
  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    await this.#call('close');
    await within(exited, ANSWER_TIMEOUT_MS, 'the process to end');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #call(command: Command): Promise<unknown> {
    const id = ++this.#answers;
    const answered = this.#next((message) => message.id === id);
    this.#child.send({ id, command });
    return (await within(answered, ANSWER_TIMEOUT_MS, `an answer to "${command}"`)).answer;
  }

  /** The first message that `matches`. Rejects when the process tells a failure, or ends before. */
  #next(matches: (message: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
      };
      const onExit = () => {
        done();
        reject(new Error('the process under test ended'));
      };
      const onMessage = (message: Record<string, unknown>) => {
        if (message.failure !== undefined) {
          done();
          reject(new Error(String(message.failure)));
        } else if (matches(message)) {
          done();
          resolve(message);
        }
      };
      this.#child.on('message', onMessage);
      this.#child.once('exit', onExit);
    });
  }
}
