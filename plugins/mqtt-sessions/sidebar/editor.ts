// What the sidebar uses of Node-RED's editor, and nothing else.

export interface Ajax {
  done(callback: (content: unknown) => void): Ajax;
  fail(callback: (request: FailedRequest) => void): Ajax;
}

export interface FailedRequest {
  status: number;
  responseJSON?: unknown;
}

export interface DialogOptions {
  title: string;
  modal: boolean;
  width: number;
  resizable: boolean;
  classes: Record<string, string>;
  buttons: { text: string; class?: string; click(): void }[];
  open(): void;
  close(): void;
}

interface Wrapped {
  dialog(options: DialogOptions | 'close' | 'destroy'): Wrapped;
  appendTo(selector: string): Wrapped;
}

interface JQuery {
  (element: Element): Wrapped;
  /** With a relative address it sends the user's token, and prefixes the path of the editor. */
  ajax(options: {
    url: string;
    method: string;
    data?: string | Blob;
    contentType?: string;
    processData?: boolean;
    dataType?: string;
    xhr(): XMLHttpRequest;
  }): Ajax;
}

interface Editor {
  actions: { add(name: string, action: () => void, options: { label: string }): void };
  events: { on(name: string, listener: () => void): void };
  _(key: string, values?: Record<string, string | number>): string;
  i18n: { lang(): string };
  keyboard: { enable(): void; disable(): void };
  notify(content: Element, type: 'success' | 'error'): void;
  sidebar: {
    addTab(options: {
      id: string;
      label: string;
      name: string;
      content: Element;
      iconClass: string;
      enableOnEdit: boolean;
      action: string;
      onchange(): void;
    }): void;
    show(id: string): void;
  };
}

declare global {
  const RED: Editor;
  const $: JQuery;
}
