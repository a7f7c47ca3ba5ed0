import type { QoS } from '../../src/session/message';
import { firstNumberOf, POISON_FROM } from './message-number';
import type { Random } from './random';
import type { SimulatedProcess } from './simulated-process';
import { INBOUND_TOPICS, type Stage } from './stage';

/** The application publishes some messages. */
export function publish(stage: Stage, process: SimulatedProcess | undefined, action: number, random: Random): void {
  const { burst, bytesMax } = stage.character;
  const count = random.between(1, burst);
  for (let index = 0; index < count; index++) {
    const qos = random.pick([0, 1, 1, 2, 2] as const);
    const bytes = random.chance(0.1) ? random.between(0, bytesMax) : 20;
    const topic = `out/${random.between(0, 2)}`;
    publishOne(stage, process, firstNumberOf(action) + index, topic, qos, bytes, random.chance(0.2));
  }
}

/** The application publishes a message that makes the broker end the connection. */
export function publishPoison(
  stage: Stage,
  process: SimulatedProcess | undefined,
  action: number,
  random: Random,
): void {
  publishOne(stage, process, firstNumberOf(action) + POISON_FROM, 'out/0', random.pick([0, 1, 1, 2, 2]), 20, false);
}

function publishOne(
  stage: Stage,
  process: SimulatedProcess | undefined,
  number: number,
  topic: string,
  qos: QoS,
  bytes: number,
  watched: boolean,
): void {
  if (process?.client === undefined) return;
  stage.trace.add(`publish QoS ${qos}`, () => `${number} to ${topic}, ${bytes} bytes`);
  process.publish(number, topic, qos, bytes, watched);
}

/** Other clients of the broker publish. */
export function publishInbound(stage: Stage, url: string, action: number, random: Random): void {
  const { broker } = stage.sites.find((site) => site.url === url)!;
  const count = random.between(1, stage.character.burst);
  for (let index = 0; index < count; index++) {
    broker.publish(firstNumberOf(action) + index, random.pick(INBOUND_TOPICS), random.between(0, 2) as QoS);
  }
}
