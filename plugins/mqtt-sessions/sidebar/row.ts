import { element, setAttribute, setText } from './elements';
import { Graph } from './graph';
import type { RowTexts } from './session-texts';

/** Height of all rows, in pixels; the style sheet does not set it. */
export const ROW_HEIGHT = 80;

let rows = 0;

/** One session in the list: a button that opens its details. */
export class Row {
  readonly element: HTMLElement;
  /** Its place in the list, from 0. */
  index = 0;
  readonly button: HTMLButtonElement;
  readonly #name = element('span', { class: 'mqtt-sessions-name' });
  readonly #marks = element('span', { class: 'mqtt-sessions-marks' });
  readonly #id = `mqtt-sessions-row-${++rows}`;
  readonly #state = element('span', { class: 'mqtt-sessions-state', id: `${this.#id}-state` });
  readonly #holds = element('span', { class: 'mqtt-sessions-holds', id: `${this.#id}-holds` });
  readonly #where = element('span', { class: 'mqtt-sessions-where', id: `${this.#id}-where` });
  readonly #graph = new Graph();
  readonly #progress = element('span', { class: 'mqtt-sessions-progress' });

  constructor(onOpen: () => void) {
    const dot = element('span', { class: 'mqtt-sessions-dot', 'aria-hidden': 'true' });
    this.button = element(
      'button',
      {
        type: 'button',
        class: 'mqtt-sessions-row-button',
        tabindex: -1,
        'aria-describedby': `${this.#id}-state ${this.#id}-holds ${this.#id}-where`,
      },
      [
        element('span', { class: 'mqtt-sessions-line' }, [dot, this.#name, this.#marks]),
        this.#state,
        this.#holds,
        this.#where,
        this.#graph.element,
        this.#progress,
      ],
      { click: onOpen },
    );
    this.element = element('div', { class: 'mqtt-sessions-row', role: 'listitem' }, [this.button]);
    this.element.style.height = `${ROW_HEIGHT}px`;
  }

  /** @param index Its place among `total`, from 0. */
  place(index: number, total: number): void {
    this.index = index;
    const top = `${index * ROW_HEIGHT}px`;
    if (this.element.style.top !== top) this.element.style.top = top;
    setAttribute(this.element, 'aria-posinset', String(index + 1));
    setAttribute(this.element, 'aria-setsize', String(total));
  }

  show(texts: RowTexts, depths: readonly number[] | undefined): void {
    const { name, level, status, marks, progress } = texts;
    setAttribute(this.element, 'data-level', level);
    // The name of what has the focus is read again when it changes: times and numbers are its description.
    setAttribute(this.button, 'aria-label', [name, ...marks, status].join(', '));
    setText(this.#name, name);
    setAttribute(this.#name, 'title', name);
    for (const [part, text] of [
      [this.#marks, marks.join(', ')],
      [this.#state, texts.state],
      [this.#holds, texts.holds],
      [this.#where, texts.where],
    ] as const) {
      setText(part, text);
      setAttribute(part, 'title', text);
    }
    this.#graph.show(depths);
    this.#progress.style.width = progress === undefined ? '0' : `${progress * 100}%`;
  }
}
