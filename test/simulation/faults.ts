import type { QoS } from '../../src/session/message';
import { publishPoison } from './application';
import type { ExpiringSessions } from './expiring-sessions';
import type { Machine } from './machine';
import type { Orphans } from './orphans';
import type { Random } from './random';
import type { SimulatedProcess } from './simulated-process';
import { INBOUND_TOPICS, type Stage } from './stage';

/** CONNACK: server unavailable, not authorised, banned; 3.1.1's codes are 3 and 5 (3.2.2.3 of 3.1.1, 3.2.2.2 of 5.0). */
const CONNECTION_REFUSALS = { 3: [3, 5], 4: [3, 5], 5: [0x88, 0x87, 0x8a] } as const;
/** DISCONNECT of an MQTT 5 server: unspecified, shutting down, taken over, quota exceeded, administrative (3.14.2.1). */
const DISCONNECT_REASONS = [0x80, 0x8b, 0x8e, 0x97, 0x98];

/** What a fault works on. */
export interface Scene {
  stage: Stage;
  machine: Machine;
  orphans: Orphans;
  expiring: ExpiringSessions;
}

/** What goes wrong, and what administrators do. `action`: its place in the plan. */
const FAULTS = {
  // The network.
  cut: ({ stage }) => stage.network.link?.cut(),
  silence: ({ stage }) => stage.network.link?.fallSilent(),
  congestion: ({ stage }, random) => stage.network.link?.congest(random.between(1, 3_000)),
  outage: ({ stage }, random) => {
    stage.network.reachable = false;
    stage.network.link?.cut();
    stage.time.after(random.between(100, 30_000), () => {
      stage.network.reachable = true;
    });
  },
  // The broker.
  'broker restart': ({ stage, machine }) => {
    stage.trace.add('broker restart');
    machine.site.broker.drop();
  },
  'session loss': ({ machine }) => machine.site.broker.loseSession(),
  'refuse connections': ({ stage, machine }, random) => {
    const { broker } = machine.site;
    broker.refusesWith = random.pick(CONNECTION_REFUSALS[stage.character.settings.protocolVersion]);
    broker.drop();
    stage.time.after(random.between(100, 20_000), () => {
      broker.refusesWith = undefined;
    });
  },
  'server disconnect': ({ stage, machine }, random) => {
    if (stage.character.settings.protocolVersion !== 5) return;
    stage.trace.add('DISCONNECT from the broker');
    machine.site.broker.drop(random.pick(DISCONNECT_REASONS));
  },
  mute: ({ stage, machine }) => {
    stage.trace.add('broker mute');
    machine.site.broker.mute();
  },
  poison: ({ stage, machine }, random, action) => publishPoison(stage, machine.process, action, random),
  // The process and the machine.
  kill: ({ machine }, random) => machine.crash('kill', random),
  'power cut': ({ machine }, random) => machine.crash('power cut', random),
  close: ({ machine }, random) => void machine.close(random),
  'flip a bit': ({ machine }, random) => void machine.flipBit(random),
  // The disk.
  'write error': (scene, random) => diskFault(scene, random, 'write', random.pick(['EIO', 'ENOSPC'])),
  'sync error': (scene, random) => diskFault(scene, random, 'sync', 'EIO'),
  'read error': (scene, random) => diskFault(scene, random, 'read', 'EIO'),
  'call error': (scene, random) =>
    diskFault(
      scene,
      random,
      random.pick(['open', 'list', 'status', 'rename', 'remove', 'link', 'size']),
      random.pick(['EIO', 'EMFILE', 'EACCES', 'EROFS']),
    ),
  'disk full': ({ stage, machine }, random) => {
    const { disk } = machine;
    disk.capacity = disk.used + random.between(0, 20_000);
    stage.time.after(random.between(100, 60_000), () => {
      machine.disk.capacity = Number.POSITIVE_INFINITY;
    });
  },
  // Administration.
  hold: (scene, random) =>
    whileOpen(
      scene,
      random.between(10, 10_000),
      'hold',
      (process) => process.client?.hold(),
      (process) => process.client?.release(),
    ),
  pause: (scene, random) =>
    whileOpen(
      scene,
      random.between(10, 10_000),
      'pause',
      (process) => process.client?.pause(),
      (process) => process.client?.resume(),
    ),
  snapshot: ({ stage, machine }) => {
    const process = machine.openProcess;
    if (process === undefined) return;
    stage.trace.add('snapshot');
    process.client?.save().catch((error) => stage.trace.note(() => `no snapshot: ${error}`));
  },
  redeploy: ({ stage, machine }) => {
    const process = machine.openProcess;
    if (process === undefined) return;
    stage.trace.add('redeploy');
    process.redeploy();
  },
  resubscribe: ({ stage, machine }, random) => {
    const { oracle, wanted } = stage;
    const topic = random.pick(INBOUND_TOPICS);
    stage.trace.add('resubscribe', () => topic);
    // Given up, or wanted again: what the broker queued for it until now may meet nobody.
    oracle.unwanted(topic);
    if (wanted.has(topic)) wanted.delete(topic);
    else wanted.set(topic, random.between(0, 2) as QoS);
    machine.openProcess?.subscribe();
  },
  purge: ({ stage, machine }) => {
    const process = machine.openProcess;
    if (process === undefined) return;
    stage.trace.add('purge');
    process.purge();
  },
  replay: ({ machine }) => machine.openProcess?.replay(),
  'throw away': ({ machine }) => void machine.openProcess?.throwAway(),
  'new life': ({ machine }, random, action) => void machine.newLife(action, random),
  orphan: ({ machine, orphans }, random, action) => {
    const host = machine.openProcess?.orphanHost;
    if (host !== undefined) void orphans.publish(host, action, random);
  },
  adopt: ({ stage, machine, orphans }, random) => {
    const host = machine.openProcess?.orphanHost;
    if (host === undefined) return;
    const mayCut = stage.character.faults.includes('power cut');
    if (!orphans.isSettled && random.chance(0.6)) {
      machine.crashSoon(mayCut ? random.pick(['kill', 'power cut']) : 'kill', random);
    }
    void orphans.adopt(host);
  },
  'expiring session': ({ machine, expiring }, random) => {
    const host = machine.openProcess?.orphanHost;
    if (host !== undefined) void expiring.make(host, random);
  },
  'clean-up': ({ machine, expiring }) => {
    const host = machine.openProcess?.orphanHost;
    if (host !== undefined) void expiring.cleanUp(host);
  },
} as const satisfies Record<string, (scene: Scene, random: Random, action: number) => void>;

export type Fault = keyof typeof FAULTS;

export function inject(fault: Fault, scene: Scene, random: Random, action: number): void {
  scene.stage.trace.note(() => `fault: ${fault}`);
  scene.stage.trace.events += 1;
  FAULTS[fault](scene, random, action);
}

function diskFault(
  { stage, machine }: Scene,
  random: Random,
  operation: 'read' | 'write' | 'sync' | 'open' | 'list' | 'status' | 'rename' | 'remove' | 'link' | 'size',
  code: string,
): void {
  const partial = operation === 'write' ? { partial: random.between(0, 300) } : {};
  const end = machine.disk.fail({ operation, code, times: random.between(2, 8), ...partial });
  stage.time.after(random.between(10, 5_000), end);
}

function whileOpen(
  { stage, machine }: Scene,
  forMs: number,
  kind: 'hold' | 'pause',
  begin: (of: SimulatedProcess) => void,
  end: (of: SimulatedProcess) => void,
): void {
  const process = machine.openProcess;
  if (process === undefined) return;
  stage.trace.add(kind);
  begin(process);
  stage.time.after(forMs, () => {
    if (process === machine.openProcess) end(process);
  });
}
