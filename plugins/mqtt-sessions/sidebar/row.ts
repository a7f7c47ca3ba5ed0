import { element, setAttribute, setText } from './elements';
import { Graph } from './graph';
import type { RowTexts } from './session-texts';

/** Height of all rows, in pixels; the style sheet does not set it. */
export const ROW_HEIGHT = 64;

/** One session in the list: a button that opens its details. */
export class Row {
  readonly element: HTMLElement;
  /** Its place in the list, from 0. */
  index = 0;
  readonly button: HTMLButtonElement;
  readonly #name = element('span', { class: 'mqtt-sessions-name' });
  readonly #marks = element('span', { class: 'mqtt-sessions-marks' });
  readonly #state = element('span', { class: 'mqtt-sessions-state' });
  readonly #holds = element('span', { class: 'mqtt-sessions-holds' });
  readonly #graph = new Graph();
  readonly #progress = element('span', { class: 'mqtt-sessions-progress' });

  constructor(onOpen: () => void) {
    const dot = element('span', { class: 'mqtt-sessions-dot', 'aria-hidden': 'true' });
    this.button = element(
      'button',
      { type: 'button', class: 'mqtt-sessions-row-button', tabindex: -1 },
      [
        element('span', { class: 'mqtt-sessions-line' }, [dot, this.#name, this.#marks]),
        this.#state,
        this.#holds,
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

  show({ name, level, state, holds, marks, progress }: RowTexts, depths: readonly number[] | undefined): void {
    setAttribute(this.element, 'data-level', level);
    // The parts are not told apart when they are read as one.
    setAttribute(this.button, 'aria-label', [name, ...marks, state, holds].join(', '));
    setText(this.#name, name);
    setAttribute(this.#name, 'title', name);
    setText(this.#marks, marks.join(', '));
    setText(this.#state, state);
    setAttribute(this.#state, 'title', state);
    setText(this.#holds, holds);
    setAttribute(this.#holds, 'title', holds);
    this.#graph.show(depths);
    this.#progress.style.width = progress === undefined ? '0' : `${progress * 100}%`;
  }
}
