import * as assert from 'node:assert/strict';
import { DeliveryGate } from '../../src/client/delivery-gate';
import type { Delivery } from '../../src/session/effects';
import { message } from './bed';

function delivery(number: number): Delivery {
  const identifiers = { delivery: number, identifier: number, subscriptionIdentifiers: [] };
  return { ...identifiers, message: message(String(number)), dup: false, redelivered: false };
}

describe('deliveries that were held', () => {
  it('stay ahead of what comes while they are handed over', () => {
    const order: number[] = [];
    const gate = new DeliveryGate((given) => {
      order.push(given.delivery);
      if (given.delivery === 1) gate.push(delivery(3));
    });
    gate.hold();
    for (const number of [1, 2]) gate.push(delivery(number));
    assert.deepEqual(order, []);
    gate.release(() => undefined);
    assert.deepEqual(order, [1, 2, 3]);
  });
});
