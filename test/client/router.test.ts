import * as assert from 'node:assert/strict';
import { Router } from '../../src/client/router';
import type { Delivery } from '../../src/session/effects';
import type { Subscription } from '../../src/session/state';
import { message, request } from './bed';

function delivery(topic: string, subscriptionIdentifiers: number[]): Delivery {
  return {
    delivery: 1,
    message: message('a', { topic, qos: 0 }),
    dup: false,
    redelivered: false,
    subscriptionIdentifiers,
  };
}

describe('a packet with several Subscription Identifiers', () => {
  const filters = new Map([
    [1, 'a/#'],
    [2, 'a/+'],
    [3, 'a/b'],
  ]);
  const withIdentifier = (identifier: number): Subscription | undefined => {
    const filter = filters.get(identifier);
    return filter === undefined ? undefined : { ...request(filter), identifier, state: 'active' };
  };
  const router = new Router();
  const called: string[] = [];
  router.add('one', request('a/#'), () => void called.push('one'));
  router.add('one', request('a/+'), () => void called.push('one'));
  router.add('two', request('a/b'), () => void called.push('two'));

  function route(...identifiers: number[]): string[] {
    called.length = 0;
    for (const { handler } of router.route(delivery('a/b', identifiers), withIdentifier))
      void handler({ ...message('a'), dup: false, redelivered: false });
    return called;
  }

  it('goes to each subscriber of those subscriptions once', () => {
    assert.deepEqual(route(1, 2, 3), ['one', 'two']);
    assert.deepEqual(route(1, 2), ['one']);
    assert.deepEqual(route(3), ['two']);
  });

  it('without one that is known goes by its topic', () => {
    assert.deepEqual(route(99), ['one', 'one', 'two']);
  });
});
