import { element, Form } from '../shared/form';

const form = new Form('mqtt-session-store', { isConfig: true });

const button = { type: 'button', class: 'red-ui-button mqtt-sessions-beside', id: 'mqtt-session-store-test' };

export const template = form.template(
  form.tabs({
    place: [
      form.text('path', {
        icon: 'folder-o',
        example: 'mqtt-sessions',
        fieldClasses: 'mqtt-sessions-beside-button',
        beside: element('button', { ...button, 'data-i18n': 'mqtt-session-store.test.button' }),
        below: form.result('test-result'),
      }),
      form.choice('durability', { icon: 'shield', hint: 'later' }, ['always', 'interval', 'os']),
    ],
    limits: [
      form.number('maxSize', { icon: 'database' }, 'decimal'),
      form.choice('whenFull', { icon: 'exclamation-triangle', hint: 'later' }, ['reject', 'dropOldest']),
    ],
    keeping: [
      form.number('expiry', { icon: 'clock-o' }),
      form.number('cleanupInterval', { icon: 'refresh' }),
      form.number('keepFailed', { icon: 'archive' }),
    ],
  }),
  form.name(),
);
