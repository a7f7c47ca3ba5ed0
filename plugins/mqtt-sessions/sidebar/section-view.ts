import { element } from './elements';
import { failureText } from './failure-text';
import { isInUse, type Section, type SectionContext } from './sections';
import type { Session } from './types';

/** What is shown is loaded again after this long; at the next update when the session's numbers have changed. */
const RELOAD_MS = 5_000;

/** A section of the details, closed at first. The click that opens it loads it; from then on it is part of the updates. */
export class SectionView {
  readonly element: HTMLDetailsElement;
  readonly #content = element('div');
  #session: Session | undefined;
  #loadedAt = Number.NEGATIVE_INFINITY;
  #loadedNumbers = '';
  #isLoading = false;

  constructor(
    private readonly section: Section,
    private readonly context: () => SectionContext,
  ) {
    const title = context().text(`section.${section.key}`);
    this.element = element(
      'details',
      { 'data-section': section.key },
      [element('summary', {}, [title]), this.#content],
      {
        toggle: () => void this.#load(),
      },
    );
  }

  show(session: Session, mayWrite: boolean): void {
    if (!isSame(session, this.#session)) {
      this.#content.replaceChildren();
      this.changed();
    }
    this.#session = session;
    this.element.hidden = !this.section.isFor(session) || (this.section.needsWrite && !mayWrite);
  }

  /** What it shows may have been changed: the next update loads it. */
  changed(): void {
    this.#loadedAt = Number.NEGATIVE_INFINITY;
  }

  /** As part of an update: loads what is open and may be old. */
  async update(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    // Nothing happens in a session that nobody uses, and its dead letters can only be read by opening it.
    const unchanged = isInUse(session) ? RELOAD_MS : Number.POSITIVE_INFINITY;
    const interval = numbersOf(session) === this.#loadedNumbers ? unchanged : 0;
    if (performance.now() - this.#loadedAt >= interval) await this.#load();
  }

  async #load(): Promise<void> {
    const session = this.#session;
    if (!this.element.open || this.element.hidden || session === undefined || this.#isLoading) return;
    this.#isLoading = true;
    this.#loadedNumbers = numbersOf(session);
    this.#loadedAt = performance.now();
    const nodes = await this.section
      .load(session, this.context())
      .catch((error: unknown) => [
        element('p', { class: 'mqtt-sessions-hint' }, [failureText(error, this.context().text)]),
      ]);
    this.#isLoading = false;
    // Another session is shown by now.
    if (!isSame(session, this.#session)) return this.#load();
    // What is selected in it stays selected while nothing is different.
    const fresh = element('div', {}, nodes);
    if (fresh.innerHTML !== this.#content.innerHTML) this.#content.replaceChildren(...fresh.childNodes);
  }
}

function isSame(one: Session, other: Session | undefined): boolean {
  return one.key === other?.key && one.store === other.store;
}

function numbersOf({ key, status, messages, inflight, deadLetters, subscriptions }: Session): string {
  return [key, status, messages, inflight, deadLetters.count, deadLetters.bytes, subscriptions].join(' ');
}
