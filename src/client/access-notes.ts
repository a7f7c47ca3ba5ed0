import type { Scheduler } from '../scheduler';

/** Bounds of how often the time of the last access is written down while a session that may expire is open. */
const NOTED_MIN_MS = 60_000;
const NOTED_MAX_MS = 3_600_000;

/** The time of the last access is kept in snapshots: one is made now and then, so that an open session never expires. */
export class AccessNotes {
  #cancel: (() => void) | undefined;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly note: () => void,
  ) {}

  /** `expiryInterval`: seconds, 0: never. */
  begin(expiryInterval: number): void {
    this.end();
    if (expiryInterval === 0) return;
    const delayMs = Math.min(Math.max(expiryInterval * 250, NOTED_MIN_MS), NOTED_MAX_MS);
    this.#cancel = this.scheduler.after(delayMs, () => {
      this.note();
      this.begin(expiryInterval);
    });
  }

  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
