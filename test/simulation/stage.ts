import type { QoS } from '../../src/session/message';
import type { Character } from './character';
import type { Damage } from './damage';
import type { Ledger } from './ledger';
import type { Network, Site } from './network';
import type { Oracle } from './oracle';
import type { Tamper } from './process-disk';
import type { Random } from './random';
import type { Trace } from './trace';
import type { VirtualTime } from './virtual-time';

export const CLIENT_ID = 'simulated';
export const INBOUND_TOPICS = ['in/0', 'in/1', 'in/2', 'in/3'] as const;

/** What all parts of an episode share. */
export interface Stage {
  seed: number;
  character: Character;
  time: VirtualTime;
  network: Network;
  sites: readonly Site[];
  oracle: Oracle;
  ledger: Ledger;
  damage: Damage;
  trace: Trace;
  /** Filters the application wants, with their QoS. */
  wanted: Map<string, QoS>;
  /** By the wall clock of the process that published: message numbers and milliseconds since the epoch. */
  publishedAt: Map<number, number>;
  /** A source of chance of its own for one part. */
  random(name: string): Random;
  isTroubled(): boolean;
  /** A planted defect. */
  tamper: Tamper | undefined;
}
