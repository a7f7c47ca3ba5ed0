import { Form } from '../shared/form';

const form = new Form('mqtt-session-admin');

const ACTIONS = [
  ...['save', 'load', 'exists', 'info', 'list', 'delete', 'cleanup', 'stats', 'reset-stats'],
  ...['ack', 'failed', 'replay', 'discard', 'pause', 'resume', 'flush', 'purge'],
  ...['export', 'import', 'adopt', 'connect', 'disconnect'],
];

const OPTIONS = [
  ['', 'mqtt-session-admin.option.message'] as const,
  ...ACTIONS.map((name) => [name, `mqtt-session-admin.option.${name}`] as const),
];

export const template = form.template(
  form.broker(),
  form.choice('action', { icon: 'bolt', label: 'shared.label.action', hint: 'later' }, OPTIONS),
  form.text('clientId', {
    icon: 'id-card-o',
    label: 'node-red:mqtt.label.clientid',
    id: 'mqtt-session-admin-clientId-row',
  }),
  form.name(),
);
