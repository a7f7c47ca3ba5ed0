import { element } from './elements';
import { failureText } from './failure-text';
import type { Section, SectionContext } from './sections';
import type { Session } from './types';

/** What is shown is loaded again after this long, sooner when the session's numbers have changed. */
const RELOAD_MS = 5_000;
const RELOAD_CHANGED_MS = 1_500;

/** A section of the details, closed at first. */
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
        toggle: () => this.#load(),
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
    // Nothing happens in a session that nobody uses, and its dead letters can only be read by opening it.
    const unchanged = session.asOf === 'now' ? RELOAD_MS : Number.POSITIVE_INFINITY;
    const interval = numbersOf(session) === this.#loadedNumbers ? unchanged : RELOAD_CHANGED_MS;
    if (performance.now() - this.#loadedAt >= interval) this.#load();
  }

  /** What it shows may have been changed: it is loaded when the session is shown the next time, if that is still there. */
  changed(): void {
    this.#loadedAt = Number.NEGATIVE_INFINITY;
  }

  #load(): void {
    const session = this.#session;
    if (!this.element.open || this.element.hidden || session === undefined || this.#isLoading) return;
    this.#isLoading = true;
    this.#loadedNumbers = numbersOf(session);
    void this.section
      .load(session, this.context())
      .catch((error: unknown) => [
        element('p', { class: 'mqtt-sessions-hint' }, [failureText(error, this.context().text)]),
      ])
      .then((nodes) => {
        this.#isLoading = false;
        // Another session is shown by now.
        if (!isSame(session, this.#session)) return this.#load();
        this.#loadedAt = performance.now();
        // What is selected in it stays selected while nothing is different.
        const fresh = element('div', {}, nodes);
        if (fresh.innerHTML !== this.#content.innerHTML) this.#content.replaceChildren(...fresh.childNodes);
      });
  }
}

function isSame(one: Session, other: Session | undefined): boolean {
  return one.key === other?.key && one.store === other.store;
}

function numbersOf({ key, status, messages, inflight, deadLetters, subscriptions }: Session): string {
  return [key, status, messages, inflight, deadLetters?.count, subscriptions].join(' ');
}
