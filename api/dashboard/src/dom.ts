// Creates elements. All text becomes text nodes: nothing here, or anywhere on the page, parses markup.

export type Child = Node | string | null | undefined | false;

export interface Attributes {
  class?: string | null | undefined;
  /** Called on click. */
  click?: (event: MouseEvent) => void;
  [name: string]: string | number | boolean | null | undefined | ((event: MouseEvent) => void);
}

/** Returns an element; an attribute that is null, undefined or false is left out, and true has an empty value. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, attributes);
  for (const child of children.flat()) if (child) element.append(child);
  return element;
}

/** Returns an SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Child | Child[])[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  set(element, attributes);
  for (const child of children.flat()) if (child) element.append(child);
  return element;
}

function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value as EventListener);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Returns text for screen readers only. */
export function hidden(text: string): HTMLElement {
  return h('span', { class: 'hidden' }, text);
}

/** Replaces the children of `parent`, and gives the focus back to the element with the same id. */
export function replace(parent: Element, ...children: Node[]): void {
  const focused = document.activeElement;
  const id = focused && parent.contains(focused) ? focused.id : '';
  parent.replaceChildren(...children);
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
}

let announcer: HTMLElement | null = null;

/** Has screen readers say a text. */
export function announce(text: string): void {
  if (!announcer) document.body.append((announcer = h('div', { class: 'hidden', role: 'status' })));
  announcer.textContent = text;
}
