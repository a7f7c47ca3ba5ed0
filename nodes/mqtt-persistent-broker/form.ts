import { element, Form } from '../shared/form';

const form = new Form('mqtt-persistent-broker', { isConfig: true });

const OWN = 'mqtt-persistent-broker';
const TOPIC = 'node-red:common.label.topic';
const PAYLOAD = 'node-red:common.label.payload';
const QOS = [
  ['0', ''],
  ['1', ''],
  ['2', ''],
] as const;
const RETAIN = [
  ['false', 'node-red:mqtt.false'],
  ['true', 'node-red:mqtt.true'],
] as const;

const SHORTER = { fieldClasses: 'mqtt-sessions-shorter', hint: 'none' };

const port = form.input('port', { fieldClasses: 'mqtt-sessions-port', example: '1883' }, { inputmode: 'numeric' });

/** A message that the connection itself publishes; edit-messages.html adds its MQTT 5 properties. */
function message(kind: 'birth' | 'close' | 'will'): string {
  const retain = form.select(`${kind}Retain`, RETAIN, SHORTER);
  const content = element(
    'div',
    {},
    form.text(`${kind}Topic`, {
      icon: 'tasks',
      label: TOPIC,
      placeholder: `node-red:mqtt.placeholder.${kind}-topic`,
      hint: 'none',
    }),
    form.text(`${kind}Payload`, { icon: 'envelope', label: PAYLOAD, placeholder: PAYLOAD, hint: 'none' }),
    form.choice(
      `${kind}Qos`,
      {
        icon: 'check-square-o',
        label: 'node-red:mqtt.label.qos',
        beside: form.second(`${kind}Retain`, 'node-red:mqtt.label.retain', retain),
        ...SHORTER,
      },
      QOS,
    ),
    element('div', { class: `${OWN}-mqtt5`, 'data-message': kind }),
  );
  const title = element('summary', { 'data-i18n': `node-red:mqtt.sections-label.${kind}-message` });
  return element('details', { class: 'mqtt-sessions-section', id: `${OWN}-${kind}` }, title, content);
}

export const template = form.template(
  form.tabs({
    connection: [
      form.text('broker', {
        icon: 'globe',
        label: 'node-red:mqtt.label.broker',
        placeholder: 'node-red:mqtt.label.example',
        hint: `${OWN}.hint.address`,
        fieldClasses: 'mqtt-sessions-host',
        beside: form.second('port', 'node-red:mqtt.label.port', port, 'mqtt-sessions-port-label'),
      }),
      form.check('usetls', { label: 'node-red:mqtt.label.use-tls' }),
      form.wide('tls', { icon: 'lock', id: `${OWN}-tls-row` }),
      form.text('user', { icon: 'user', label: 'node-red:common.label.username', hint: 'none' }),
      form.password('password', { icon: 'lock', label: 'node-red:common.label.password', hint: 'none' }),
      form.choice('protocolVersion', { icon: 'cog', label: 'node-red:mqtt.label.protocolVersion', hint: 'later' }, [
        ['3', 'node-red:mqtt.label.protocolVersion3'],
        ['4', 'node-red:mqtt.label.protocolVersion4'],
        ['5', 'node-red:mqtt.label.protocolVersion5'],
      ]),
      form.number('keepalive', { icon: 'heartbeat', label: 'node-red:mqtt.label.keepalive' }),
      form.check('autoConnect'),
      form.wide('userProps', { icon: 'list-ul', label: 'shared.label.userProperties', classes: `${OWN}-mqtt5` }),
    ],
    session: [
      form.text('clientid', {
        icon: 'id-card-o',
        label: 'node-red:mqtt.label.clientid',
        placeholder: 'node-red:mqtt.placeholder.clientid',
        below: form.result('clientid-used'),
      }),
      form.check('cleansession', { hint: 'later', labelId: `${OWN}-cleansession-label` }),
      form.choice('onSessionLost', { icon: 'chain-broken', hint: 'later' }, ['republish', 'discard']),
      form.number('sessionExpiry', { icon: 'clock-o', placeholder: `${OWN}.placeholder.sessionExpiry` }),
      form.check('autoUnsubscribe', { classes: `${OWN}-kept` }),
      form.wide('store', { icon: 'hdd-o' }),
    ],
    sending: [
      form.number('maxInflight', { icon: 'exchange' }),
      form.number('brokerReceiveMaximum', {
        icon: 'server',
        classes: `${OWN}-mqtt3`,
        placeholder: `${OWN}.placeholder.brokerReceiveMaximum`,
      }),
      form.number('maxSendRate', { icon: 'tachometer', placeholder: `${OWN}.placeholder.maxSendRate` }),
    ],
    messages: [form.introduction('messages'), message('birth'), message('close'), message('will')],
  }),
  form.name(),
);
