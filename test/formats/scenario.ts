import * as assert from 'node:assert/strict';
import type { Message, MessageOrigin, QueuedMessage } from '../../src/session/message';
import { RealSession } from './real-session';

export const CLIENT_ID = 'plant/line:1*é';
export const FIRST_BROKER = 'mqtt://first.example:1883';
export const OTHER_BROKER = 'mqtts://other.example:8883';

export const FULL_MESSAGE: Message = {
  topic: 'gebäude/zähler/7',
  payload: Buffer.from([0, 255, 1, 254]),
  qos: 2,
  retain: true,
  properties: {
    payloadFormatIndicator: true,
    messageExpiryInterval: 4_000_000_000,
    contentType: 'application/json',
    responseTopic: 'antwort/7',
    correlationData: Buffer.from([0, 1, 2, 255]),
    userProperties: { unit: '°C', tag: ['a', 'b'], '': '' },
  },
};
export const ORIGIN: MessageOrigin = { node: 'a1b2c3', messageId: 'e4f5' };

/** A session with something of everything; connected, and with messages in all phases. */
export async function fillSession(storagePath: string): Promise<RealSession> {
  const one = await RealSession.open(storagePath, CLIENT_ID);
  const { session } = one;
  for (const [index, filter] of ['granted/+', 'refused/#', 'left', 'given/up', 'later'].entries()) {
    session.subscribe({
      filter,
      qos: index === 0 ? 2 : 1,
      noLocal: index === 0,
      retainAsPublished: index !== 1,
      retainHandling: (index % 3) as 0 | 1 | 2,
      ...(index === 0 ? { users: '[["node-1","note"]]' } : {}),
    });
  }
  await one.connect(false, FIRST_BROKER);
  for (const [filter, code] of [
    ['granted/+', 2],
    ['refused/#', 0x87],
    ['left', 1],
    ['given/up', 1],
  ] as const) {
    await one.receive({ cmd: 'suback', messageId: one.askedFor(filter), granted: [code] });
  }
  session.unsubscribe('left');
  session.deactivate('given/up');
  await one.settle();
  await one.receive({ cmd: 'unsuback', messageId: one.askedFor('left'), granted: [0] });

  for (const messageId of [7, 8, 9]) {
    const payload = Buffer.from('in');
    await one.receive({ cmd: 'publish', topic: 'granted/1', payload, qos: 2, retain: false, dup: false, messageId });
  }
  await one.receive({ cmd: 'pubrel', messageId: 8 });

  session.pause(true);
  one.publish({ qos: 0, topic: 'zero' });
  for (let number = 0; number < 30; number++) {
    one.publish(
      { qos: number % 2 === 0 ? 2 : 1, payload: Buffer.alloc(150, number) },
      number % 3 === 0 ? ORIGIN : undefined,
    );
    await one.settle();
  }
  one.publish({ qos: 1, payload: Buffer.alloc(5000, 1) });
  one.publish(FULL_MESSAGE, ORIGIN, { id: 'session 0a1b', sequence: 2 ** 48 - 1 });
  one.publish({ qos: 1, payload: Buffer.alloc(0), properties: {} }, undefined, { id: 'über', sequence: 0 });
  for (const sequence of [9, 3, 4]) one.publish({ qos: 1 }, undefined, { id: 'ended', sequence });
  session.endTransfer('ended');
  for (const sequence of [7, 5, 6, 3]) one.publish({ qos: 1 }, undefined, { id: 'über', sequence });
  one.publish({ qos: 0, topic: 'zero' });
  await one.settle();
  session.pause(false);
  await one.settle();
  await acknowledgeFirst(one, 9);
  session.pause(true);
  await one.settle();
  assert.ok(session.stored.count > 20);
  return one;
}

/** Answers the first open messages, the last of them first: QoS 2 in full or by PUBREC alone, QoS 1 mostly. */
export async function acknowledgeFirst(one: RealSession, count: number): Promise<void> {
  const open = one.session.openMessages().slice(0, count);
  for (const [index, { packetId: messageId, message }] of [...open.entries()].reverse()) {
    if (index % 5 === 3) continue;
    // Given up; without a dead letter file it stays so.
    const refusal = index === 5 ? { reasonCode: 0x97, properties: { reasonString: 'voll – später' } } : {};
    if (message.qos === 1) await one.receive({ cmd: 'puback', messageId, ...refusal });
    else await one.receive({ cmd: 'pubrec', messageId, ...refusal });
    if (message.qos === 2 && index % 4 === 0) await one.receive({ cmd: 'pubcomp', messageId });
  }
}

/** All messages that were ever queued, by sequence. */
export function queuedMessages(...sessions: RealSession[]): Map<number, QueuedMessage> {
  const messages = new Map<number, QueuedMessage>();
  for (const { appended } of sessions) {
    for (const { sequence, record } of appended) {
      if (!('message' in record)) continue;
      const { message, enqueuedAt, origin } = record;
      messages.set(sequence, { ...message, sequence, enqueuedAt, ...(origin === undefined ? {} : { origin }) });
    }
  }
  return messages;
}
