/**
 * The forms of the edit dialogs, as rows. The build makes the templates of them that the editor looks for
 * (scripts/lib/editor-parts.mjs), so that all rows look alike and every field has a label and, unless its label says all,
 * a hint that is read out with it. Texts are keys of the catalogues.
 */
export interface Row {
  /** Of Font Awesome 4.7, without `fa-`. */
  icon?: string;
  /** Key of the label. Default: `<type>.label.<field>`. */
  label?: string;
  /**
   * Key of the hint below the field. Default: `<type>.hint.<field>`; `later`: the code of the dialog fills it in, because
   * it depends on what is chosen; `none`: the label says it all.
   */
  hint?: string;
  /** Of the row, for code that shows and hides it. */
  id?: string;
  classes?: string;
  /** Of the field. */
  fieldClasses?: string;
  /** What stands in an empty field: a key. */
  placeholder?: string;
  /** The same for what is no text: a number, a name of a folder. */
  example?: string;
  /** Html beside the field. */
  beside?: string;
  /** Html below the hint, and the id that the field is described by then, too. */
  below?: { html: string; id: string };
}

/** Values of a select, with their keys; a list: `<type>.option.<value>`. An empty key: the value is its own text. */
export type Options = readonly string[] | readonly (readonly [value: string, key: string])[];

/** Widths that the editor's own inputs take over from the field that they replace. */
const WIDE = 'width: calc(100% - 156px)';

const NAME = 'node-red:common.label.name';

export class Form {
  readonly #type: string;
  readonly #prefix: string;

  /** `isConfig`: of a config node, whose fields have other ids. */
  constructor(type: string, { isConfig = false } = {}) {
    this.#type = type;
    this.#prefix = isConfig ? 'node-config-input-' : 'node-input-';
  }

  /** The template of the dialog, as the editor looks for it. */
  template(...rows: readonly string[]): string {
    const form = element('div', { class: 'mqtt-sessions-form' }, ...rows);
    return element('script', { type: 'text/html', 'data-template-name': this.#type }, form);
  }

  /** A bar of tabs, and what each of them shows. */
  tabs(tabs: Readonly<Record<string, readonly string[]>>): string {
    const parts = Object.entries(tabs).map(([name, rows]) =>
      element('div', { id: `${this.#type}-tab-${name}`, class: `${this.#type}-tab` }, ...rows),
    );
    const bar = element('ul', { class: 'mqtt-sessions-tabs', id: `${this.#type}-tabs` });
    return [element('div', { class: 'form-row' }, bar), ...parts].join('\n');
  }

  name(): string {
    return this.text('name', { icon: 'tag', label: NAME, placeholder: NAME, hint: 'none' });
  }

  /** The broker node that a node uses. */
  broker(): string {
    return this.wide('broker', { icon: 'globe', label: 'node-red:mqtt.label.broker', hint: 'shared.hint.broker' });
  }

  text(field: string, row: Row): string {
    return this.#row(field, row, this.#input(field, 'text', row));
  }

  password(field: string, row: Row): string {
    return this.#row(field, row, this.#input(field, 'password', row));
  }

  /** A text field for a number: environment variables can be entered, too. */
  number(field: string, row: Row, inputmode = 'numeric'): string {
    const short = { fieldClasses: 'mqtt-sessions-short', ...row };
    return this.#row(field, short, this.#input(field, 'text', short, { inputmode }));
  }

  /** A field that the editor replaces by something of its own: a select of config nodes, or a typedInput. */
  wide(field: string, row: Row): string {
    return this.#row(field, row, element('input', { type: 'text', id: this.#id(field), style: WIDE }));
  }

  choice(field: string, row: Row, options: Options): string {
    return this.#row(field, row, this.select(field, options, row));
  }

  /** A check box; its label stands behind it. */
  check(field: string, row: Row & { labelId?: string } = {}): string {
    const id = this.#id(field);
    const box = element('input', { type: 'checkbox', id, 'aria-describedby': this.#describedBy(field, row) });
    const text = element('span', row.labelId ? { id: row.labelId } : { 'data-i18n': this.#labelKey(field, row) });
    const label = element('label', { for: id, class: 'mqtt-sessions-check' }, box + text);
    return element('div', { class: rowClasses(row), id: row.id }, label, ...this.#hint(field, row));
  }

  /** Check boxes with one label and one hint for all of them. */
  checks(name: string, row: Row, labels: readonly (readonly [field: string, key: string])[]): string {
    const id = `${this.#type}-${name}`;
    const boxes = labels.map(([field, key]) => {
      const box = element('input', { type: 'checkbox', id: this.#id(field), 'aria-describedby': `${id}-hint` });
      return element('label', { for: this.#id(field) }, box + element('span', { 'data-i18n': key }));
    });
    return element(
      'div',
      { class: 'form-row' },
      element('span', { class: 'mqtt-sessions-label', id }, labelContent(this.#labelKey(name, row), row.icon)),
      element('div', { class: 'mqtt-sessions-checks', role: 'group', 'aria-labelledby': id }, ...boxes),
      ...this.#hint(name, row),
    );
  }

  /** A second field in a row, behind a label of its own. */
  second(field: string, key: string, control: string, classes = ''): string {
    const label = { for: this.#id(field), class: joined('mqtt-sessions-second', classes), 'data-i18n': key };
    return [element('label', label), control].join('\n');
  }

  /** A select without its row. */
  select(field: string, options: Options, row: Row = { hint: 'none' }): string {
    const keys = options.map((option) =>
      typeof option === 'string' ? ([option, `${this.#type}.option.${option}`] as const) : option,
    );
    const entries = keys.map(([value, key]) =>
      element('option', { value, 'data-i18n': key || undefined }, key === '' ? value : ''),
    );
    const attributes = {
      id: this.#id(field),
      class: row.fieldClasses,
      'aria-describedby': this.#describedBy(field, row),
    };
    return element('select', attributes, ...entries);
  }

  /** A text field without its row. */
  input(field: string, row: Row, attributes: Attributes = {}): string {
    return this.#input(field, 'text', { hint: 'none', ...row }, attributes);
  }

  /** A text at the top of a part of the dialog. */
  introduction(name: string): string {
    const classes = 'mqtt-sessions-hint mqtt-sessions-introduction';
    return element('div', { class: classes, 'data-i18n': `${this.#type}.hint.${name}` });
  }

  /** Where the code of a dialog says what it has found out. */
  result(name: string): { html: string; id: string } {
    const id = `${this.#type}-${name}`;
    return { html: element('div', { class: 'mqtt-sessions-hint mqtt-sessions-result', id, role: 'status' }), id };
  }

  #row(field: string, row: Row, control: string): string {
    const label = element('label', { for: this.#id(field) }, labelContent(this.#labelKey(field, row), row.icon));
    const parts = [label, control, row.beside ?? '', ...this.#hint(field, row), row.below?.html ?? ''];
    return element('div', { class: rowClasses(row), id: row.id }, ...parts);
  }

  #input(field: string, type: string, row: Row, attributes: Attributes = {}): string {
    return element('input', {
      type,
      id: this.#id(field),
      class: row.fieldClasses,
      ...attributes,
      placeholder: row.example,
      'data-i18n': row.placeholder === undefined ? undefined : `[placeholder]${row.placeholder}`,
      'aria-describedby': this.#describedBy(field, row),
    });
  }

  #hint(field: string, row: Row): string[] {
    if (row.hint === 'none') return [];
    const key = row.hint === 'later' ? undefined : (row.hint ?? `${this.#type}.hint.${field}`);
    return [element('div', { class: 'mqtt-sessions-hint', id: this.#hintId(field), 'data-i18n': key })];
  }

  #describedBy(field: string, row: Row): string | undefined {
    return joined(row.hint === 'none' ? '' : this.#hintId(field), row.below?.id ?? '') || undefined;
  }

  #labelKey(field: string, row: Row): string {
    return row.label ?? `${this.#type}.label.${field}`;
  }

  #id(field: string): string {
    return this.#prefix + field;
  }

  #hintId(field: string): string {
    return `${this.#type}-${field}-hint`;
  }
}

type Attributes = Readonly<Record<string, string | undefined>>;

const EMPTY = ['input'];

/** An element as html. Attributes that are undefined are left out; all values come from this package. */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const written = Object.entries(attributes).map(([key, value]) => (value === undefined ? '' : ` ${key}="${value}"`));
  const start = `<${name}${written.join('')}>`;
  if (EMPTY.includes(name)) return start;
  const inside = content.filter((part) => part !== '');
  const lines = inside.join('\n').includes('\n') || /^<(?:div|label|input|option)/.test(inside[0] ?? '');
  return lines ? `${start}\n${inside.join('\n')}\n</${name}>` : `${start}${inside.join('')}</${name}>`;
}

function labelContent(key: string, icon: string | undefined): string {
  const image = icon === undefined ? '' : `${element('i', { class: `fa fa-${icon}` })} `;
  return image + element('span', { 'data-i18n': key });
}

const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');

const rowClasses = ({ classes = '' }: Row): string => joined('form-row', classes);
