import * as assert from 'node:assert/strict';
import type { ObservedMessage } from '../../support/observer';
import { sequenceOf } from '../../support/observer/sequence';
import { keyOf, type MessageKey } from './ledger';

export function observedKey(message: ObservedMessage): MessageKey {
  const sequence = sequenceOf(message.payload.slice(0, 200));
  assert.notEqual(sequence, undefined, `a message without number on ${message.topic}`);
  return keyOf(message.topic, sequence as number);
}
