import { api } from './api';
import { button, element, select, setText } from './elements';
import { errorText } from './error-text';
import type { Formats } from './format';
import { rowTexts } from './session-texts';
import type { Page, Session, Text } from './types';
import { VirtualList } from './virtual-list';

const STATES = ['all', 'messages', 'trouble', 'orphaned', 'failed', 'expired', 'unused'];
const SORTS = ['messages', 'clientId', 'status', 'broker', 'oldest', 'bytes', 'deadLetters', 'expiry'];

export interface ListViewOptions {
  text: Text;
  formats: Formats;
  /** `now` of the server. */
  onOpen(session: Session, now: number): void;
  /** Something else is to be asked for. */
  onQuery(): void;
  onImport(page: Page): void;
  onCleanUp(page: Page): void;
}

/** All sessions: filter, order, list, and what to do where there are none. */
export class ListView {
  readonly element: HTMLElement;
  readonly #list: VirtualList;
  readonly #search: HTMLInputElement;
  readonly #state: HTMLSelectElement;
  readonly #sort: HTMLSelectElement;
  readonly #reverse: HTMLButtonElement;
  readonly #summary = element('div', { class: 'mqtt-sessions-summary' });
  /** For screen readers: numbers that change all the time are not in it. */
  readonly #said = element('div', { class: 'mqtt-sessions-said', role: 'status' });
  readonly #notices = element('div', { class: 'mqtt-sessions-notices', role: 'alert' });
  readonly #empty = element('div', { class: 'mqtt-sessions-empty' });
  readonly #actions: HTMLElement;
  #page: Page | undefined;

  constructor(private readonly options: ListViewOptions) {
    const { text, onQuery } = options;
    const search = text('filter');
    this.#search = element('input', { type: 'search', 'aria-label': search, placeholder: search }, [], {
      input: onQuery,
    });
    this.#state = select(
      text('show'),
      STATES.map((state) => [state, text(`filter-state.${state}`)]),
      onQuery,
    );
    this.#sort = select(
      text('sort-by'),
      SORTS.map((sort) => [sort, text(`sort.${sort}`)]),
      onQuery,
    );
    this.#reverse = button(text('reverse'), () => this.#turn(), { symbol: 'sort-amount-desc' });
    this.#reverse.setAttribute('aria-pressed', 'false');
    this.#list = new VirtualList({
      label: text('sessions'),
      texts: (session, now) => rowTexts(session, text, options.formats, now, this.#page?.stores),
      onOpen: options.onOpen,
      onScroll: onQuery,
    });
    this.#actions = element('div', { class: 'mqtt-sessions-bar', hidden: true }, [
      button(text('action.import'), () => this.#page && options.onImport(this.#page)),
      button(text('action.cleanup'), () => this.#page && options.onCleanUp(this.#page)),
    ]);
    this.element = element('div', { class: 'mqtt-sessions-view' }, [
      element('div', { class: 'mqtt-sessions-bar' }, [this.#search, this.#state, this.#sort, this.#reverse]),
      this.#notices,
      this.#summary,
      this.#said,
      this.#empty,
      this.#list.element,
      this.#actions,
    ]);
  }

  /** @throws EndpointError. */
  async update(mayWrite: boolean): Promise<void> {
    const page = await api.sessions({
      ...this.#list.wanted,
      text: this.#search.value.trim(),
      state: this.#state.value,
      sort: this.#sort.value,
      reverse: this.#reverse.getAttribute('aria-pressed') === 'true',
    });
    this.#page = page;
    this.#actions.hidden = !mayWrite || page.stores.length === 0;
    this.#showNotices(
      page.stores.flatMap(({ error }) => (error === undefined ? [] : [errorText(error, this.options.text)])),
    );
    this.#showSummary(page);
    this.#list.element.hidden = page.matching === 0;
    this.#list.show(page);
  }

  /** Why there is nothing new. */
  failed(message: string): void {
    this.#showNotices([message]);
  }

  focus(): void {
    this.#list.focus();
  }

  #turn(): void {
    const isReverse = this.#reverse.getAttribute('aria-pressed') !== 'true';
    this.#reverse.setAttribute('aria-pressed', String(isReverse));
    this.options.onQuery();
  }

  #showNotices(messages: string[]): void {
    setText(this.#notices, messages.join('\n'));
  }

  #showSummary({ total, matching, messages, messageBytes, uncounted, counts, stores }: Page): void {
    const { text, formats } = this.options;
    for (const option of this.#state.options) {
      const count = formats.count(counts[option.value] ?? 0);
      setText(option, text('filter-count', { label: text(`filter-state.${option.value}`), count }));
    }
    const values = {
      matching: formats.count(matching),
      messages: formats.count(messages),
      bytes: formats.bytes(messageBytes),
    };
    const sum = text(messages === 0 && uncounted === 0 ? 'summary-empty' : 'summary', values);
    const more = uncounted === 0 ? '' : ` · ${text('summary-uncounted', { count: formats.count(uncounted) })}`;
    setText(this.#summary, matching === 0 ? '' : sum + more);
    this.#empty.hidden = matching > 0;
    const empty = text(emptyKey(total, stores.length));
    setText(this.#empty, empty);
    const trouble = formats.count(counts.trouble ?? 0);
    setText(this.#said, matching === 0 ? firstLine(empty) : text('said', { matching: values.matching, trouble }));
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function emptyKey(total: number, stores: number): string {
  if (total > 0) return 'empty.filtered';
  return stores === 0 ? 'empty.no-nodes' : 'empty.no-sessions';
}
