import { type Character, plainCharacter, UNLIMITED_BYTES } from './character';
import type { Fault } from './faults';
import type { Random } from './random';

const CONNECTION_FAULTS: readonly Fault[] = [
  'cut',
  'cut',
  'silence',
  'outage',
  'congestion',
  'broker restart',
  'refuse connections',
  'server disconnect',
  'mute',
];
const DISK_FAULTS: readonly Fault[] = ['write error', 'sync error', 'read error', 'call error', 'disk full'];
const ADMINISTRATION: readonly Fault[] = ['hold', 'pause', 'snapshot', 'resubscribe', 'redeploy'];

/**
 * Kinds of episodes. `mixed` ones are long and have everything that can go together; the others are short and see to it
 * that each kind of event comes often. `share`: of 100 episodes.
 */
const PROFILES = {
  mixed: { share: 1, draw: mixed },
  connections: { share: 12, draw: connections },
  silence: { share: 14, draw: silence },
  strict: { share: 13, draw: strict },
  power: { share: 1, draw: power },
  unsynced: { share: 5, draw: unsynced },
  disk: { share: 18, draw: disk },
  damage: { share: 8, draw: damage },
  lives: { share: 1, draw: lives },
  wraps: { share: 11, draw: wraps },
  refusals: { share: 9, draw: refusals },
  brokers: { share: 3, draw: brokers },
  upkeep: { share: 4, draw: upkeep },
} as const satisfies Record<string, { share: number; draw: (random: Random) => Character }>;

export type Profile = keyof typeof PROFILES;

export function isProfile(name: string): name is Profile {
  return Object.hasOwn(PROFILES, name);
}

export const PROFILE_NAMES = Object.keys(PROFILES) as Profile[];

/** The profile of an episode's seed: spread so that a run of any length has all of them. */
export function profileOf(seed: number): Profile {
  const names = Object.entries(PROFILES).flatMap(([name, { share }]) => Array<Profile>(share).fill(name as Profile));
  // 37 and the number of episodes have no common divisor, so all are met.
  return names[(Math.abs(seed) * 37) % names.length] as Profile;
}

export function drawCharacter(profile: Profile, random: Random): Character {
  return PROFILES[profile].draw(random);
}

/** A long life in which everything may happen that can go together. */
function mixed(random: Random): Character {
  const plain = plainCharacter(random);
  const { protocolVersion } = plain.settings;
  const durability = random.pick(['always', 'always', 'always', 'interval', 'os'] as const);
  const faults: Fault[] = [...CONNECTION_FAULTS, ...ADMINISTRATION, 'kill', 'kill', 'close', 'redeploy', 'redeploy'];
  // A 3.1 broker cannot say that it lost the session.
  if (protocolVersion !== 3) faults.push('session loss');
  // Less than `always` promises nothing after a power cut.
  if (durability === 'always' && random.chance(0.7)) faults.push('power cut', 'power cut');
  if (random.chance(0.5)) faults.push(...survivable(DISK_FAULTS, faults));
  if (random.chance(0.3)) faults.push('purge', 'purge');
  if (random.chance(0.3)) faults.push('replay', 'throw away');
  if (random.chance(0.3)) faults.push('orphan', 'orphan', 'adopt', 'adopt', 'adopt');
  if (random.chance(0.2)) faults.push('poison');
  const large = random.chance(0.1);
  const moves = random.chance(0.1);
  const maximumPacketSize = random.pick([0, 0, 1_500]);
  return {
    ...plain,
    settings: {
      ...plain.settings,
      clean: protocolVersion !== 3 && random.chance(0.1),
      durability,
      segmentBytes: large ? 131_072 : plain.settings.segmentBytes,
      maxBytes: random.chance(0.2) ? 20_000 : UNLIMITED_BYTES,
      whenFull: random.pick(['reject', 'dropOldest']),
      onSessionLost: random.pick(['republish', 'republish', 'discard']),
      maxSendRate: random.pick([0, 0, 0, 30]),
    },
    fates: {
      refusals: random.pick([0, 0, 0.02]),
      expiring: random.pick([0, 0, 0.05]),
      retained: random.pick([0, 0.02]),
      maximumPacketSize,
    },
    broker: {
      ...plain.broker,
      // A limit that identifiers of an earlier stay use up cannot be lived with: nothing tells which to clear.
      openQoS2Max: moves ? 0 : random.pick([0, 0, 20, 5]),
      maximumPacketSize: maximumPacketSize === 0 ? undefined : random.pick([maximumPacketSize, maximumPacketSize * 2]),
      retainAvailable: random.chance(0.7),
      holdsPoison: !moves && random.chance(0.5),
    },
    troubledMs: random.between(20_000, 200_000),
    publishPauseMs: random.pick([20, 200, 1_000]),
    inboundPauseMs: random.pick([50, 500, 2_000]),
    burst: random.pick([1, 3, 10]),
    bytesMax: large ? 100_000 : random.pick([20, 500, 3_000]),
    faultPauseMs: random.pick([300, 2_000, 10_000]),
    faults,
    restartMsMax: 5_000,
    moves,
  };
}

/** Nothing but the network and the broker, in quick succession, and what is quickly done. */
function connections(random: Random): Character {
  const plain = plainCharacter(random);
  const protocolVersion = random.pick([5, 5, 4, 3] as const);
  const faults: Fault[] = [
    ...['cut', 'silence', 'silence', 'outage', 'broker restart', 'broker restart', 'refuse connections'],
    ...[
      'purge',
      'resubscribe',
      'congestion',
      'congestion',
      'congestion',
      'congestion',
      'hold',
      'pause',
      'redeploy',
      'snapshot',
    ],
  ] as Fault[];
  if (protocolVersion !== 3) faults.push('session loss');
  if (protocolVersion === 5) faults.push('server disconnect', 'server disconnect', 'server disconnect');
  return {
    ...plain,
    settings: { ...plain.settings, protocolVersion, onSessionLost: random.pick(['republish', 'discard']) },
    broker: { ...plain.broker, refusedSubscriptions: random.pick([0, 0.5]) },
    troubledMs: random.between(60_000, 180_000),
    publishPauseMs: 2_500,
    inboundPauseMs: 4_000,
    faultPauseMs: 1_000,
    faults,
    diskLatencyMsMax: 0,
  };
}

/** Connections on which nothing comes any more: until the keep-alive finds out, or the missing answers do. */
function silence(random: Random): Character {
  return {
    ...plainCharacter(random),
    troubledMs: random.between(300_000, 600_000),
    publishPauseMs: 12_000,
    burst: 1,
    inboundPauseMs: 60_000,
    faultPauseMs: 25_000,
    faults: ['mute', 'mute', 'mute', 'silence'],
    diskLatencyMsMax: 0,
  };
}

/** A broker that drops a client with more open messages than it takes, which the client has to find out. */
function strict(random: Random): Character {
  const plain = plainCharacter(random);
  return {
    ...plain,
    settings: { ...plain.settings, protocolVersion: random.pick([3, 4]), maxInflight: 100 },
    broker: { ...plain.broker, openQoS2Max: random.pick([1, 2]), answerDelayMsMax: 50 },
    troubledMs: 2_000,
    publishPauseMs: 200,
    burst: 10,
    inboundPauseMs: 0,
    faultPauseMs: 0,
    diskLatencyMsMax: 0,
  };
}

/** Crashes, many of them in the middle of an I/O call. */
function power(random: Random): Character {
  return {
    ...plainCharacter(random),
    publishPauseMs: random.pick([100, 300]),
    inboundPauseMs: random.pick([500, 1_000]),
    faultPauseMs: random.pick([60, 200]),
    faults: ['power cut', 'power cut', 'power cut', 'kill', 'close', 'close', 'close'],
    diskLatencyMsMax: random.pick([0, 0, 2]),
    restartMsMax: 20,
  };
}

/** Power cuts where the setting leaves syncing to the clock or the system: much is unsynced, and nothing of that promised. */
function unsynced(random: Random): Character {
  const plain = plainCharacter(random);
  return {
    ...plain,
    settings: { ...plain.settings, durability: random.pick(['interval', 'os']) },
    publishPauseMs: 30,
    inboundPauseMs: 0,
    burst: 1,
    troubledMs: random.between(3_000, 6_000),
    faultPauseMs: 150,
    faults: ['power cut', 'power cut', 'power cut', 'outage'],
    restartMsMax: 50,
  };
}

/** A disk that fails, mostly in one way, and now and then a killed process. */
function disk(random: Random): Character {
  const plain = plainCharacter(random);
  const often = random.pick([
    'sync error',
    'write error',
    'write error',
    'read error',
    'read error',
    'call error',
  ] as const);
  return {
    ...plain,
    settings: { ...plain.settings, segmentBytes: 4_096 },
    publishPauseMs: 150,
    inboundPauseMs: 400,
    burst: 1,
    bytesMax: 500,
    faultPauseMs: 70,
    faults: [...DISK_FAULTS, ...times(10, often), 'snapshot', 'kill', 'close', 'close'],
    diskLatencyMsMax: 0,
    restartMsMax: 100,
  };
}

/** Bits flip while nobody has the session open. */
function damage(random: Random): Character {
  return {
    ...plainCharacter(random),
    troubledMs: random.between(1_000, 2_000),
    publishPauseMs: 40,
    inboundPauseMs: 1_000,
    faultPauseMs: 100,
    faults: ['flip a bit', 'flip a bit', 'flip a bit', 'flip a bit', 'outage', 'snapshot'],
    diskLatencyMsMax: 0,
    restartMsMax: 20,
  };
}

/** Sessions that begin with a file of version 1, whose identifiers are about to wrap, and are deleted soon. */
function lives(random: Random): Character {
  const plain = plainCharacter(random);
  return {
    ...plain,
    broker: { ...plain.broker, holdsPoison: random.chance(0.5), answerDelayMsMax: 5 },
    troubledMs: random.between(5_000, 10_000),
    publishPauseMs: 50,
    inboundPauseMs: 500,
    faultPauseMs: 100,
    faults: ['new life', 'new life', 'new life', 'new life', 'new life', 'new life', 'cut', 'kill', 'power cut'],
    diskLatencyMsMax: 0,
    restartMsMax: 50,
  };
}

/** The same with the time that it takes to find out what in a life is poison, and to come to its identifiers again. */
function wraps(random: Random): Character {
  const plain = plainCharacter(random);
  return {
    ...lives(random),
    settings: { ...plain.settings, protocolVersion: random.pick([4, 5]) },
    latencyMsMax: 5,
    troubledMs: 1_500_000,
    publishPauseMs: 30_000,
    burst: 20,
    inboundPauseMs: 0,
    faultPauseMs: 250_000,
    faults: ['new life'],
  };
}

/** Messages that are given up for every other reason, and what becomes of dead letters; queues that are full. */
function refusals(random: Random): Character {
  const plain = plainCharacter(random);
  const isSmall = random.chance(0.4);
  return {
    ...plain,
    settings: {
      ...plain.settings,
      protocolVersion: 5,
      maxBytes: isSmall ? 2_000 : UNLIMITED_BYTES,
      whenFull: random.pick(['reject', 'dropOldest']),
      onSessionLost: 'discard',
    },
    fates: { refusals: 0.2, expiring: 0.5, retained: 0.1, maximumPacketSize: 300 },
    broker: { ...plain.broker, maximumPacketSize: 300, retainAvailable: false, answerDelayMsMax: 400 },
    troubledMs: random.between(20_000, 60_000),
    publishPauseMs: 700,
    inboundPauseMs: 0,
    burst: 3,
    bytesMax: 1_000,
    faultPauseMs: 500,
    faults: [
      ...[
        'replay',
        'replay',
        'replay',
        'replay',
        'replay',
        'throw away',
        'throw away',
        'throw away',
        'throw away',
        'throw away',
      ],
      ...['session loss', 'session loss', 'session loss', 'session loss', 'outage', 'cut', 'power cut'],
    ] as Fault[],
    diskLatencyMsMax: 0,
    restartMsMax: 50,
  };
}

/** The session moves between brokers whose session it must adopt; some of them do not let identifiers be cleared. */
function brokers(random: Random): Character {
  const plain = plainCharacter(random);
  return {
    ...plain,
    settings: { ...plain.settings, protocolVersion: random.pick([4, 5]) },
    broker: { ...plain.broker, refusesClearing: random.chance(0.7), answerDelayMsMax: 5 },
    troubledMs: random.between(60_000, 120_000),
    publishPauseMs: 4_000,
    inboundPauseMs: 10_000,
    faultPauseMs: 5_000,
    faults: ['kill', 'close', 'power cut', 'close', 'power cut', 'orphan', 'adopt'],
    diskLatencyMsMax: 0,
    restartMsMax: 50,
    moves: true,
  };
}

/** Clean-up, sessions that expire, and a wall clock that is not to be trusted. */
function upkeep(random: Random): Character {
  const plain = plainCharacter(random);
  return {
    ...plain,
    fates: { ...plain.fates, expiring: 0.2 },
    troubledMs: random.between(20_000, 60_000),
    publishPauseMs: 5_000,
    burst: 1,
    inboundPauseMs: 10_000,
    faultPauseMs: 800,
    // Most have expired when they are cleaned up; a clock that goes back makes them wait.
    faults: [...times(8, 'expiring session'), ...times(5, 'clean-up'), random.pick(['kill', 'close'])],
    diskLatencyMsMax: 0,
    restartMsMax: 50,
  };
}

/** A failed sync, a kill before the records were written anew, and a power cut on top: not survived, not simulated. */
function survivable(diskFaults: readonly Fault[], others: readonly Fault[]): Fault[] {
  return diskFaults.filter((fault) => fault !== 'sync error' || !others.includes('power cut'));
}

function times(count: number, fault: Fault): Fault[] {
  return Array<Fault>(count).fill(fault);
}
