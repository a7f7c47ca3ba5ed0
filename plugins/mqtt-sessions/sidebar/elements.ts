type Child = Node | string | undefined | false;
type Listeners = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };

/** An element with attributes (true: without value; undefined and false: none) and children; texts never become markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | undefined> = {},
  children: readonly Child[] = [],
  listeners: Listeners = {},
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  for (const child of children) if (child !== undefined && child !== false) made.append(child);
  for (const [name, listener] of Object.entries(listeners)) made.addEventListener(name, listener as EventListener);
  return made;
}

/** An element of a drawing. */
export function drawing(
  tag: string,
  attributes: Record<string, string | number>,
  children: Element[] = [],
): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

/** Changes the document only where something is different: an unchanged text is not read out again. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export function setAttribute(target: Element, name: string, value: string | undefined): void {
  if (value === undefined) target.removeAttribute(name);
  else if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

export function icon(name: string): HTMLElement {
  return element('i', { class: `fa fa-${name}`, 'aria-hidden': 'true' });
}

/** A button of the editor's kind; with an icon in place of a label the label is its name. */
export function button(label: string, onClick: () => void, { symbol }: { symbol?: string } = {}): HTMLButtonElement {
  const attributes = { type: 'button', class: 'red-ui-button red-ui-button-small' };
  if (symbol === undefined) return element('button', attributes, [label], { click: onClick });
  return element('button', { ...attributes, 'aria-label': label, title: label }, [icon(symbol)], { click: onClick });
}

/** A select; `options` are values and their labels. */
export function select(
  label: string,
  options: readonly (readonly [value: string, label: string])[],
  onChange: (value: string) => void = () => undefined,
): HTMLSelectElement {
  const made = element(
    'select',
    { 'aria-label': label, title: label },
    options.map(([value, text]) => element('option', { value }, [text])),
  );
  made.addEventListener('change', () => onChange(made.value));
  return made;
}

function setAttributes(target: Element, attributes: Record<string, string | number | boolean | undefined>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) target.setAttribute(name, value === true ? '' : String(value));
  }
}
