import type { LibraryProcess } from '../../support/library-process';

const INTERVAL_MS = 250;

/** Looks at the resident memory of a process again and again. */
export class MemorySampler {
  readonly #library: LibraryProcess;
  readonly #first: number;
  #highest: number;
  #timer: NodeJS.Timeout | undefined;
  #sampling: Promise<void> = Promise.resolve();

  private constructor(library: LibraryProcess, first: number) {
    this.#library = library;
    this.#first = first;
    this.#highest = first;
  }

  static async start(library: LibraryProcess): Promise<MemorySampler> {
    const sampler = new MemorySampler(library, (await library.call('memory')).rss);
    sampler.#timer = setInterval(() => {
      sampler.#sampling = sampler.#sample();
    }, INTERVAL_MS);
    return sampler;
  }

  /** In whole MiB: the highest value, and how far it is above the first. */
  async stop(): Promise<{ highestMiB: number; growthMiB: number }> {
    clearInterval(this.#timer);
    await this.#sampling;
    await this.#sample();
    const mebibytes = (bytes: number) => Math.round(bytes / 1024 / 1024);
    return { highestMiB: mebibytes(this.#highest), growthMiB: mebibytes(this.#highest - this.#first) };
  }

  async #sample(): Promise<void> {
    const { rss } = await this.#library.call('memory');
    this.#highest = Math.max(this.#highest, rss);
  }
}
