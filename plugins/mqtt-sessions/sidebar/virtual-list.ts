import { element } from './elements';
import { ROW_HEIGHT, Row } from './row';
import type { RowTexts } from './session-texts';
import type { Page, Session } from './types';
import { visibleRows } from './visible-rows';

/** Rows beyond those seen that are asked for and drawn: scrolling shows them at once. */
const AROUND = 25;

export interface VirtualListOptions {
  label: string;
  texts(session: Session, now: number): RowTexts;
  /** `now` of the server. */
  onOpen(session: Session, now: number): void;
  /** Other rows are seen. */
  onScroll(): void;
}

/** The rows of however many sessions: only those seen are there. One tab stop; the arrow keys go from row to row. */
export class VirtualList {
  readonly element: HTMLElement;
  readonly #content: HTMLElement;
  /** By session. */
  readonly #rows = new Map<string, Row>();
  #page: Page | undefined;
  /** The row of the tab stop, and whether it is to be focused as soon as it is there. */
  #current = 0;
  #takesFocus = false;

  constructor(private readonly options: VirtualListOptions) {
    this.#content = element('div', { class: 'mqtt-sessions-rows', role: 'list', 'aria-label': options.label });
    this.element = element('div', { class: 'mqtt-sessions-scroller' }, [this.#content], {
      scroll: () => {
        this.#draw();
        options.onScroll();
      },
      keydown: (event) => this.#key(event),
    });
  }

  /** What to ask for. */
  get wanted(): { offset: number; limit: number } {
    const { first, count } = this.#visible(Number.MAX_SAFE_INTEGER, AROUND);
    return { offset: first, limit: Math.max(1, count) };
  }

  show(page: Page): void {
    this.#page = page;
    this.#content.style.height = `${page.matching * ROW_HEIGHT}px`;
    this.#draw();
  }

  /** Back from the details of a session: its row, or the one of the tab stop, gets the focus. */
  focus(): void {
    this.#takesFocus = true;
    this.#draw();
  }

  #visible(total: number, around: number) {
    const { scrollTop, clientHeight } = this.element;
    return visibleRows({ scrollTop, height: clientHeight, rowHeight: ROW_HEIGHT }, total, around);
  }

  #draw(): void {
    const page = this.#page;
    if (page === undefined) return;
    this.#current = Math.max(0, Math.min(this.#current, page.matching - 1));
    const { first, count } = this.#visible(page.matching, AROUND);
    const unused = new Map(this.#rows);
    for (let index = first; index < first + count; index++) {
      const session = page.sessions[index - page.offset];
      if (session === undefined) continue;
      const key = `${session.store} ${session.key}`;
      unused.delete(key);
      const row = this.#rows.get(key) ?? this.#add(key);
      row.place(index, page.matching);
      row.show(this.options.texts(session, page.now), session.trend?.depths);
    }
    for (const [key, row] of unused) {
      const hasFocus = row.button === document.activeElement;
      // One that was only scrolled away keeps the focus.
      if (hasFocus && isBeyond(row.index, first, count)) continue;
      this.#takesFocus ||= hasFocus;
      this.#rows.delete(key);
      row.element.remove();
    }
    this.#setTabStop(page);
  }

  #add(key: string): Row {
    const row = new Row(() => {
      const index = this.#indexOf(key);
      const session = index === undefined ? undefined : this.#page?.sessions[index - (this.#page?.offset ?? 0)];
      if (index === undefined || session === undefined) return;
      this.#current = index;
      this.options.onOpen(session, this.#page?.now ?? Date.now());
    });
    this.#rows.set(key, row);
    this.#content.append(row.element);
    return row;
  }

  #indexOf(key: string): number | undefined {
    const page = this.#page;
    const index = page?.sessions.findIndex((session) => `${session.store} ${session.key}` === key) ?? -1;
    return page === undefined || index < 0 ? undefined : index + page.offset;
  }

  /** The focus follows the session when rows move. */
  #setTabStop(page: Page): void {
    const focused = document.activeElement;
    for (const [key, row] of this.#rows) {
      if (row.button === focused && !this.#takesFocus) this.#current = this.#indexOf(key) ?? this.#current;
    }
    const session = page.sessions[this.#current - page.offset];
    for (const [key, row] of this.#rows) {
      const isCurrent = session !== undefined && key === `${session.store} ${session.key}`;
      row.button.tabIndex = isCurrent ? 0 : -1;
      if (!isCurrent || !this.#takesFocus) continue;
      this.#takesFocus = false;
      row.button.focus({ preventScroll: true });
    }
    // Without any in sight the first one that is.
    const isReachable = [...this.#rows.values()].some(({ button }) => button.tabIndex === 0);
    const top = isReachable ? undefined : this.#rows.values().next().value;
    if (top !== undefined) top.button.tabIndex = 0;
  }

  #key(event: KeyboardEvent): void {
    const total = this.#page?.matching ?? 0;
    const pageRows = Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT) - 1);
    const targets: Record<string, number> = {
      ArrowDown: this.#current + 1,
      ArrowUp: this.#current - 1,
      PageDown: this.#current + pageRows,
      PageUp: this.#current - pageRows,
      Home: 0,
      End: total - 1,
    };
    const target = targets[event.key];
    if (target === undefined || total === 0) return;
    event.preventDefault();
    this.#current = Math.max(0, Math.min(target, total - 1));
    this.#takesFocus = true;
    const top = this.#current * ROW_HEIGHT;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + ROW_HEIGHT > scrollTop + clientHeight) this.element.scrollTop = top + ROW_HEIGHT - clientHeight;
    this.#draw();
  }
}

function isBeyond(index: number, first: number, count: number): boolean {
  return index < first || index >= first + count;
}
