import { ACTIONS, type Action, type OfferedAction, offeredActions } from './action-rules';
import { api } from './api';
import { drainingOf } from './draining';
import { button, element, setAttribute, setText } from './elements';
import type { Formats } from './format';
import { Graph } from './graph';
import { SectionView } from './section-view';
import { SECTIONS } from './sections';
import { drainingText, factsOf, levelOf, marksOf, nameOf, reasonText, stateText } from './session-texts';
import type { Session, Store, Text } from './types';

export interface DetailsViewOptions {
  text: Text;
  formats: Formats;
  onBack(): void;
  onAction(action: Action, session: Session): Promise<void>;
}

/** One session: what is known of it, what can be done, and on demand what is in it. */
export class DetailsView {
  readonly element: HTMLElement;
  readonly #heading = element('h3', { tabindex: -1, class: 'mqtt-sessions-heading' });
  readonly #state = element('p', { class: 'mqtt-sessions-state' });
  readonly #reason = element('p', { class: 'mqtt-sessions-state' });
  readonly #notice = element('p', { class: 'mqtt-sessions-notices', role: 'alert' });
  readonly #progressBar = element('span');
  readonly #progress: HTMLElement;
  readonly #graph = new Graph();
  readonly #figure: HTMLElement;
  readonly #facts = element('dl', { class: 'mqtt-sessions-facts' });
  readonly #actions: HTMLElement;
  readonly #buttons = new Map<Action, HTMLButtonElement>();
  readonly #sections: SectionView[];
  #session: Session | undefined;
  #now = Date.now();
  /** What was asked to be counted last: a session, as its files were. */
  #counted = '';
  #stores: readonly Store[] = [];

  constructor(private readonly options: DetailsViewOptions) {
    const { text, formats } = options;
    this.#progress = element(
      'div',
      { class: 'mqtt-sessions-bar-of', role: 'progressbar', 'aria-label': text('progress') },
      [this.#progressBar],
    );
    this.#figure = element('div', { class: 'mqtt-sessions-figure' }, [
      this.#graph.element,
      element('span', { class: 'mqtt-sessions-hint' }, [text('graph')]),
    ]);
    this.#actions = element('div', { class: 'mqtt-sessions-bar', role: 'group', 'aria-label': text('actions') });
    this.#sections = SECTIONS.map((section) => new SectionView(section, () => ({ text, formats, now: this.#now })));
    const back = button(text('back'), options.onBack, { symbol: 'chevron-left' });
    this.element = element(
      'section',
      { class: 'mqtt-sessions-view mqtt-sessions-details', 'aria-label': text('details'), hidden: true },
      [
        element('div', { class: 'mqtt-sessions-title' }, [back, this.#heading]),
        this.#notice,
        this.#state,
        this.#reason,
        this.#progress,
        this.#figure,
        this.#actions,
        this.#facts,
        ...this.#sections.map((section) => section.element),
      ],
      { keydown: (event) => event.key === 'Escape' && options.onBack() },
    );
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Shows a session from the list; `update` keeps it new. */
  open(session: Session, now: number, mayWrite: boolean): void {
    for (const { element } of this.#sections) element.open = false;
    this.#show(session, now, mayWrite);
    this.element.hidden = false;
    this.element.scrollTop = 0;
    this.#heading.focus();
  }

  close(): void {
    this.element.hidden = true;
    this.#session = undefined;
  }

  /**
   * The session, and its open sections unless `isSeen` says that it was hidden meanwhile.
   * @returns whether the session is still there. @throws EndpointError.
   */
  async update(mayWrite: boolean, isSeen: () => boolean): Promise<boolean> {
    const asked = this.#session;
    if (asked === undefined) return true;
    const { sessions, now, stores } = await api.sessions({ store: asked.store, key: asked.key, limit: 1 });
    if (this.#session === undefined || this.#session.key !== asked.key) return true;
    const [session] = sessions;
    this.#stores = stores;
    if (session === undefined) return false;
    setText(this.#notice, '');
    this.#show(session, now, mayWrite);
    if (isSeen()) await this.#count(session);
    if (isSeen()) await Promise.all(this.#sections.map((section) => section.update()));
    return true;
  }

  failed(message: string): void {
    setText(this.#notice, message);
  }

  /** Something was done: what is shown below may have changed. */
  changed(): void {
    for (const section of this.#sections) section.changed();
  }

  #show(session: Session, now: number, mayWrite: boolean): void {
    const { text, formats } = this.options;
    this.#session = session;
    this.#now = now;
    setText(this.#heading, nameOf(session, text));
    setAttribute(this.element, 'data-level', levelOf(session));
    const draining = drainingOf(session);
    const progress = draining?.share;
    const states = [stateText(session, text, formats, now), ...marksOf(session, text, formats)];
    if (draining !== undefined) states.push(drainingText(draining, text, formats));
    setText(this.#state, states.join(' · '));
    setText(this.#reason, reasonText(session, text));
    this.#progress.hidden = progress === undefined;
    const percent = String(Math.round((progress ?? 0) * 100));
    setAttribute(this.#progress, 'aria-valuenow', percent);
    this.#progressBar.style.width = `${percent}%`;
    this.#figure.hidden = !this.#graph.show(session.trend?.depths);
    this.#showFacts(factsOf(session, text, formats, now, this.#stores));
    this.#showActions(mayWrite ? offeredActions(session) : []);
    for (const section of this.#sections) section.show(session, mayWrite);
  }

  /** Has a session counted that the list knows by its snapshot only, once for each state of its files: the next update shows it. */
  async #count(session: Session): Promise<void> {
    const { store, key, asOf, status, lastAccessAt, fileBytes } = session;
    const state = [store, key, lastAccessAt, fileBytes].join(' ');
    if (asOf === 'now' || status !== 'stored' || session.clientId === '' || state === this.#counted) return;
    this.#counted = state;
    await api.info(session);
  }

  #showFacts(facts: readonly [string, string][]): void {
    const cells = facts.flat();
    const { children } = this.#facts;
    if (children.length === cells.length) {
      for (const [index, cell] of cells.entries()) {
        const shown = children[index];
        if (shown !== undefined) setText(shown, cell);
      }
      return;
    }
    this.#facts.replaceChildren(...cells.map((cell, index) => element(index % 2 === 0 ? 'dt' : 'dd', {}, [cell])));
  }

  /** Buttons stay the same elements, so that the one with the focus keeps it. */
  #showActions(offered: readonly OfferedAction[]): void {
    this.#actions.hidden = offered.length === 0;
    for (const { action } of offered) if (!this.#buttons.has(action)) this.#addButton(action);
    for (const [action, shown] of this.#buttons) {
      const offer = offered.find((one) => one.action === action);
      if (offer === undefined && shown === document.activeElement) this.#heading.focus();
      shown.hidden = offer === undefined;
      const obstacle = offer?.obstacle;
      // Not the attribute `disabled`: the keyboard reaches it, so that the reason can be read.
      setAttribute(shown, 'aria-disabled', obstacle === undefined ? undefined : 'true');
      setAttribute(shown, 'title', obstacle === undefined ? undefined : this.options.text(`obstacle.${obstacle}`));
    }
  }

  #addButton(action: Action): void {
    const made = button(this.options.text(`action.${action}`), () => {
      const session = this.#session;
      if (session === undefined || made.disabled || made.ariaDisabled === 'true') return;
      made.disabled = true;
      void this.options.onAction(action, session).finally(() => {
        made.disabled = false;
        // Opening a dialog has taken the focus.
        if (document.activeElement === document.body && !made.hidden) made.focus();
      });
    });
    made.dataset.action = action;
    this.#buttons.set(action, made);
    const order = ACTIONS.indexOf(action);
    const next = [...this.#buttons].find(([other]) => ACTIONS.indexOf(other) > order)?.[1];
    this.#actions.insertBefore(made, next ?? null);
  }
}
