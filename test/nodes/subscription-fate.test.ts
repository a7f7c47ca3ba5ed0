import assert from 'node:assert/strict';
import { flowFileSubscribers, isPresent, subscriptionFate } from '../../nodes/mqtt-persistent-broker/reconcile';
import type { FlowFileNode } from '../../nodes/shared/flow-lifecycle';
import type { Subscription } from '../../src/session/state';

const inNode = (id: string, more: object): FlowFileNode => ({
  id,
  type: 'mqtt-persistent-in',
  broker: 'broker',
  ...more,
});

function subscription(filter: string, users?: [id: string, note: string][]): Subscription {
  return {
    filter,
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: 1,
    state: 'active',
    ...(users === undefined ? {} : { users: JSON.stringify(users) }),
  };
}

describe('a subscription without a running node', () => {
  const present = flowFileSubscribers(
    [
      inNode('one', { topic: 'plant/one', d: true }),
      inNode('dynamic', { topic: '', inputs: 1, d: true }),
      inNode('elsewhere', { topic: 'plant/elsewhere', broker: 'other' }),
      { id: 'out', type: 'mqtt-persistent-out', broker: 'broker', topic: 'plant/out' },
      { id: 'instance', type: 'subflow:template' },
      { id: 'in-ner', type: 'subflow:other' },
    ],
    'broker',
  );

  it('is deactivated while its node is in the flow file', () => {
    assert.equal(subscriptionFate(subscription('plant/one'), present, true), 'deactivate');
    assert.equal(subscriptionFate(subscription('plant/any', [['dynamic', '{}']]), present, true), 'deactivate');
  });

  it('is removed when its node is gone, or kept where nothing is to be unsubscribed', () => {
    for (const filter of ['plant/gone', 'plant/elsewhere', 'plant/out']) {
      assert.equal(subscriptionFate(subscription(filter), present, true), 'remove');
      assert.equal(subscriptionFate(subscription(filter), present, false), 'keep');
    }
    assert.equal(subscriptionFate(subscription('plant/any', [['gone', '{}']]), present, true), 'remove');
  });

  it('is not removed while the filter of a node comes from the environment', () => {
    const unknown = flowFileSubscribers([inNode('one', { topic: '$' + '{TOPIC}' })], 'broker');
    assert.equal(subscriptionFate(subscription('plant/any'), unknown, true), 'deactivate');
  });

  it('is known by the node inside a subflow that it was made for', () => {
    assert.equal(isPresent('instance-dynamic', present), true);
    assert.equal(isPresent('instance-in-ner-dynamic', present), true);
    assert.equal(isPresent('instance-gone', present), false);
    assert.equal(isPresent('deleted-dynamic', present), false);
    assert.equal(isPresent('instance-deleted-dynamic', present), false);
  });
});
