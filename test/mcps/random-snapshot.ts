import type { McpsV2Snapshot } from '../../src/mcps/v2';
import type { MessageProperties, QoS, QueuedMessage } from '../../src/session/message';
import type { OpenMessageState, Subscription } from '../../src/session/state';

export type Random = () => number;

/** A seeded generator (mulberry32), so that a failing case can be repeated. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const texts = ['', 'a', 'sensors/+/temperature', '日本/東京/#', '__proto__', 'e\u0301', '\u0000', '𝄞', 'x'.repeat(300)];

/** A snapshot with every kind of content. */
export function randomSnapshot(random: Random): McpsV2Snapshot {
  const below = (limit: number) => Math.floor(random() * limit);
  const flag = () => random() < 0.5;
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const text = () => pick(texts);
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => below(256)));
  const list = <T>(lengthMax: number, make: () => T): T[] => Array.from({ length: below(lengthMax + 1) }, make);
  const sequence = () => pick([0, below(1000), Number.MAX_SAFE_INTEGER]);
  const qos = () => below(3) as QoS;
  const time = () => random() * 2e12;

  const properties = (): MessageProperties => ({
    ...(flag() && { payloadFormatIndicator: flag() }),
    ...(flag() && { messageExpiryInterval: below(0xffffffff) }),
    ...(flag() && { responseTopic: text() }),
    ...(flag() && { correlationData: bytes(below(5)) }),
    ...(flag() && { contentType: text() }),
    ...(flag() && {
      userProperties: Object.fromEntries(list(3, () => [text(), flag() ? text() : list(3, text)] as const)),
    }),
  });
  const message = (): QueuedMessage => ({
    sequence: sequence(),
    enqueuedAt: time(),
    qos: qos(),
    retain: flag(),
    topic: text(),
    payload: bytes(below(20)),
    ...(flag() && { origin: { node: text(), messageId: text() } }),
    ...(flag() && { properties: properties() }),
  });
  const open = (): OpenMessageState => ({
    sequence: sequence(),
    packetId: below(0x10000),
    phase: pick(['published', 'released', 'requeued']),
    releaseOrder: below(100),
    sentAt: time(),
    retries: below(0xffffffff),
    ...(flag() && { message: message() }),
  });
  const subscription = (): Subscription => ({
    filter: text(),
    qos: qos(),
    noLocal: flag(),
    retainAsPublished: flag(),
    retainHandling: below(3) as 0 | 1 | 2,
    identifier: below(268_435_456),
    state: pick(['requested', 'active', 'deactivating', 'inactive', 'removing']),
    ...(flag() && { refusedWith: 0x80 + below(0x40) }),
  });
  return {
    metadata: {
      clientId: text(),
      createdAt: Math.floor(time()),
      lastAccessAt: Math.floor(time()),
      expiryInterval: pick([0, 3600, 0xffffffff]),
    },
    state: {
      sequence: sequence(),
      mark: sequence(),
      queueAfter: sequence(),
      stored: { count: below(1e9), bytes: sequence() },
      oldestEnqueuedAt: time(),
      open: list(4, open),
      received: list(5, () => 1 + below(0xffff)),
      subscriptions: list(4, subscription),
      paused: flag(),
      window: { size: below(65_536), ceiling: below(65_536) },
      broker: text(),
      adoptedUntil: sequence(),
      transfers: list(3, () => ({
        source: text(),
        enqueued: list(4, () => ({ first: sequence(), last: sequence() })),
      })),
      givenUp: list(3, () => ({
        sequence: sequence(),
        reason: pick(['refused', 'expired', 'packet-too-large', 'retain-unavailable', 'session-lost', 'poisoned']),
        ...(flag() && { reasonCode: 0x80 + below(0x40) }),
        ...(flag() && { reasonString: `${text()}.` }),
        failedAt: time(),
      })),
      reserved: list(3, () => 1 + below(0xffff)),
    },
    journal: {
      uid: bytes(16),
      epoch: below(1e6),
      segments: list(5, () => ({ number: below(1e8), firstSequence: sequence(), length: below(4e6) })),
    },
  };
}
