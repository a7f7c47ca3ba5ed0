import { Form } from '../shared/form';

const form = new Form('mqtt-persistent-out');

export const template = form.template(
  form.broker(),
  form.tabs({
    main: [
      form.text('topic', {
        icon: 'tasks',
        label: 'node-red:common.label.topic',
        placeholder: 'mqtt-persistent-out.placeholder.topic',
      }),
      form.choice('qos', { icon: 'check-square-o', label: 'node-red:mqtt.label.qos', hint: 'later' }, [
        ['', 'mqtt-persistent-out.option.qos-message'],
        ['0', 'shared.qos.0'],
        ['1', 'shared.qos.1'],
        ['2', 'shared.qos.2'],
      ]),
      form.choice('retain', { icon: 'history', label: 'node-red:mqtt.retain', hint: 'later' }, [
        ['', 'mqtt-persistent-out.option.retain-message'],
        ['false', 'node-red:mqtt.false'],
        ['true', 'node-red:mqtt.true'],
      ]),
      form.choice('complete', { icon: 'flag-checkered', hint: 'later' }, ['stored', 'acknowledged']),
    ],
    mqtt5: [
      form.introduction('mqtt5'),
      form.wide('userProps', { icon: 'list-ul', label: 'shared.label.userProperties' }),
      form.wide('respTopic', { icon: 'reply', label: 'node-red:mqtt.label.responseTopic' }),
      form.wide('correl', {
        icon: 'link',
        label: 'node-red:mqtt.label.correlationData',
        id: 'mqtt-persistent-out-correl-row',
      }),
      form.wide('contentType', { icon: 'file-o', label: 'node-red:mqtt.label.contentType' }),
      form.wide('expiry', { icon: 'clock-o', label: 'node-red:mqtt.label.expiry' }),
    ],
  }),
  form.name(),
);
