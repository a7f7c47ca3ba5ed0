import type { Stage } from '../stage';

/** One row of the matrix. It tells what deviates by the stage; it throws only when it cannot go on. */
export interface Scenario {
  name: string;
  /** What is shown, for the documentation. */
  shows: string;
  /** Only with this version of MQTT. */
  version?: 5;
  /** Not for a broker that grants less, where other scenarios show what becomes of QoS 2. */
  needsQoS2?: true;
  play(stage: Stage): Promise<void>;
}

/** Payloads `<prefix>-1`, `<prefix>-2`, ... */
export function payloads(prefix: string, count: number, first = 1): string[] {
  return Array.from({ length: count }, (_unused, index) => `${prefix}-${first + index}`);
}

/** The scenario once for each QoS. */
export function forEachQoS<Q extends 0 | 1 | 2>(
  levels: readonly Q[],
  make: (qos: Q) => Omit<Scenario, 'needsQoS2'>,
  options: { evenIfLowered?: boolean } = {},
): Scenario[] {
  return levels.map((qos) => ({
    ...make(qos),
    ...(qos === 2 && !options.evenIfLowered && { needsQoS2: true as const }),
  }));
}
