import { encodeMcpsV1, type McpsV1Session } from '../../src/mcps/v1';
import { MESSAGE_IDENTIFIERS } from '../../src/session/packet-identifiers';
import type { Character } from './character';
import { firstNumberOf, numberedPayload, POISON_FROM } from './message-number';
import type { Random } from './random';
import { CLIENT_ID, type Stage } from './stage';

/** Messages in flight in such a file. */
const IN_FLIGHT_MAX = 6;
/** How far the counter may be from its end. */
const BEFORE_WRAP_MAX = 8;
/** What is published while the poison is looked for must not pass its identifiers. */
const BEFORE_WRAP_LONG = 45;

/** Poison is found in it, and the counter comes to its identifiers: see the profile `wraps`. */
export function isLongLife({ troubledMs }: Character): boolean {
  return troubledMs > 100_000;
}

/**
 * A session as the original implementation left it, in the middle of its traffic: some messages in flight, the counter
 * about to wrap, so that new identifiers meet those in flight. All of it is promised from now on.
 * @returns the file, and what the broker has of the messages.
 */
export function earlierSession(
  stage: Stage,
  action: number,
  random: Random,
  now: number,
): { file: Buffer; held: { identifier: number; number: number }[] } {
  const count = random.between(2, IN_FLIGHT_MAX);
  const isLong = isLongLife(stage.character);
  const poisons = isLong ? count : random.pick([0, 1]);
  const identifiers = scatteredIdentifiers(count, poisons, random);
  const held: { identifier: number; number: number }[] = [];
  // It was sent in order: what came after one that is not there is not there either.
  let isHeld = true;
  const inflight: McpsV1Session['inflight'] = identifiers.map((packetId, index) => {
    // Poison is given up, its identifier stays reserved, and the counter comes to it soon.
    const isPoison = index >= count - poisons;
    const number = firstNumberOf(action) + (isPoison ? POISON_FROM : 0) + index;
    const qos = isPoison ? 2 : random.pick([0, 1, 2, 2] as const);
    const topic = `earlier/${action}`;
    stage.oracle.published(number, topic, qos);
    stage.publishedAt.set(number, now);
    stage.oracle.stored(number);
    isHeld &&= random.chance(0.7);
    if (qos === 2 && !isPoison && isHeld) held.push({ identifier: packetId, number });
    const payload = numberedPayload(number, 20);
    return { packetId, topic, payload, qos, retain: false, sendTime: now, retryCount: random.between(0, 3) };
  });
  const file = encodeMcpsV1({
    version: 1,
    clientId: CLIENT_ID,
    createdTime: now,
    lastAccessTime: now,
    expiryInterval: 0,
    lastPacketId: MESSAGE_IDENTIFIERS - (isLong ? BEFORE_WRAP_LONG : random.between(0, BEFORE_WRAP_MAX)),
    subscriptions: [...stage.wanted].map(([topic, qos]) => ({ topic, qos })),
    inflight,
  });
  return { file, held };
}

/** Just before and just behind the wrap, and among those that only this package keeps for itself. */
function scatteredIdentifiers(count: number, poisons: number, random: Random): number[] {
  const identifiers = new Set<number>();
  const behind = () => random.between(1, 12);
  const before = () => random.between(MESSAGE_IDENTIFIERS - 12, MESSAGE_IDENTIFIERS);
  while (identifiers.size < count - poisons) identifiers.add(random.pick([behind, before, () => 65_500])());
  while (identifiers.size < count) identifiers.add(behind());
  return [...identifiers];
}
