import { element, Form } from '../shared/form';

const form = new Form('mqtt-persistent-in');

const TOPIC = 'node-red:common.label.topic';

export const template = form.template(
  form.broker(),
  form.tabs({
    main: [
      form.choice(
        'topicType',
        {
          icon: 'bars',
          label: 'shared.label.action',
          hint: 'later',
          beside: element('input', { type: 'hidden', id: 'node-input-inputs' }),
        },
        [
          ['topic', 'mqtt-persistent-in.option.static'],
          ['dynamic', 'mqtt-persistent-in.option.dynamic'],
        ],
      ),
      form.text('topic', { icon: 'tasks', label: TOPIC, placeholder: TOPIC, classes: 'mqtt-persistent-in-static' }),
      form.choice(
        'qos',
        { icon: 'check-square-o', label: 'node-red:mqtt.label.qos', classes: 'mqtt-persistent-in-static' },
        [
          ['0', 'shared.qos.0'],
          ['1', 'shared.qos.1'],
          ['2', 'shared.qos.2'],
        ],
      ),
      form.choice('datatype', { icon: 'sign-out', label: 'node-red:mqtt.label.output', hint: 'later' }, [
        ['auto-detect', 'node-red:mqtt.output.auto-detect'],
        ['auto', 'node-red:mqtt.output.auto'],
        ['buffer', 'node-red:mqtt.output.buffer'],
        ['utf8', 'node-red:mqtt.output.string'],
        ['json', 'node-red:mqtt.output.json'],
        ['base64', 'node-red:mqtt.output.base64'],
      ]),
      form.choice('acknowledge', { icon: 'check', hint: 'later' }, ['auto', 'manual']),
    ],
    mqtt5: [
      form.checks('flags', { icon: 'flag', label: 'node-red:mqtt.label.flags' }, [
        ['nl', 'node-red:mqtt.label.nl'],
        ['rap', 'node-red:mqtt.label.rap'],
      ]),
      form.choice('rh', { icon: 'history' }, [
        ['0', 'node-red:mqtt.label.rh0'],
        ['1', 'node-red:mqtt.label.rh1'],
        ['2', 'node-red:mqtt.label.rh2'],
      ]),
    ],
  }),
  form.name(),
);
