import { type ChildProcess, fork } from 'node:child_process';
import * as path from 'node:path';
import { Episode, type EpisodeOptions, type EpisodeResult } from './episode';

/** What may be asked of another process: no functions. */
export type PlainEpisode = Pick<EpisodeOptions, 'seed' | 'profile'>;

/** Plays one episode at a time. */
export interface Player {
  play(episode: PlainEpisode): Promise<EpisodeResult>;
  end(): void;
}

/** `size` players, each in a process of its own; a single one in this process, where a debugger sees it. */
export function crewOf(size: number): Player[] {
  if (size === 1) return [{ play: (episode) => new Episode(episode).run(), end: () => undefined }];
  return Array.from({ length: size }, () => new PlayingProcess());
}

class PlayingProcess implements Player {
  readonly #child: ChildProcess = fork(path.join(__dirname, 'episode-process.ts'), [], {
    execArgv: ['--require', 'tsx/cjs'],
  });

  play(episode: PlainEpisode): Promise<EpisodeResult> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error(`The process that played ${JSON.stringify(episode)} has ended.`));
      child.once('exit', gone);
      child.once('message', (result) => {
        child.off('exit', gone);
        resolve(result as EpisodeResult);
      });
      child.send(episode, (error) => error !== null && reject(error));
    });
  }

  end(): void {
    this.#child.disconnect();
  }
}
