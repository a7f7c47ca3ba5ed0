import { element } from './elements';

export interface Question {
  title: string;
  /** Paragraphs. */
  texts: string[];
  /** More below them. */
  fields?: HTMLElement[];
  confirm: string;
  cancel: string;
  /** Something is lost: the button to agree is not the one that Enter presses. */
  destroys?: boolean;
}

/** Asks in a dialog of the editor's kind. Resolves to whether the user agrees. */
export function ask({ title, texts, fields = [], confirm, cancel, destroys = false }: Question): Promise<boolean> {
  const content = element('div', { class: 'mqtt-sessions-dialog' }, [
    ...texts.map((text) => element('p', {}, [text])),
    ...fields,
  ]);
  return new Promise((resolve) => {
    let isAgreed = false;
    const dialog = $(content).appendTo('#red-ui-editor');
    const close = () => dialog.dialog('close');
    dialog.dialog({
      title,
      modal: true,
      width: Math.min(480, window.innerWidth - 20),
      resizable: false,
      classes: {
        'ui-dialog': 'red-ui-editor-dialog',
        'ui-dialog-titlebar-close': 'hide',
        'ui-widget-overlay': 'red-ui-editor-dialog',
      },
      buttons: [
        { text: cancel, class: 'mqtt-sessions-cancel', click: close },
        {
          text: confirm,
          class: `mqtt-sessions-confirm ${destroys ? 'mqtt-sessions-destroys' : 'primary'}`,
          click() {
            isAgreed = true;
            close();
          },
        },
      ],
      open() {
        RED.keyboard.disable();
        const first = fields.flatMap((field) => [...field.querySelectorAll<HTMLElement>('input, select')])[0];
        const cancelButton = content.parentElement?.querySelector<HTMLElement>('.mqtt-sessions-cancel');
        const confirmButton = content.parentElement?.querySelector<HTMLElement>('.mqtt-sessions-confirm');
        (first ?? (destroys ? cancelButton : confirmButton))?.focus();
      },
      close() {
        // After the key that closed it: the editor would look for its target, which is gone.
        setTimeout(() => RED.keyboard.enable());
        dialog.dialog('destroy');
        content.remove();
        resolve(isAgreed);
      },
    });
  });
}

/** A field of a dialog with its label above it. */
export function labelled(label: string, field: HTMLInputElement | HTMLSelectElement): HTMLElement {
  return element('label', { class: 'mqtt-sessions-field' }, [element('span', {}, [label]), field]);
}

export function checkbox(label: string): { element: HTMLElement; input: HTMLInputElement } {
  const input = element('input', { type: 'checkbox' });
  return { element: element('label', { class: 'mqtt-sessions-check' }, [input, element('span', {}, [label])]), input };
}

/** A short word about what was done, or not. */
export function notify(text: string, type: 'success' | 'error'): void {
  RED.notify(element('span', {}, [text]), type);
}
