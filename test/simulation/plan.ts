import type { Character } from './character';
import type { Fault } from './faults';
import type { Random } from './random';

export type ActionKind = 'publish' | 'publish inbound' | Fault;

/** Something that an episode does, decided before it begins: so a failing one can be shrunk by leaving actions out. */
export interface Action {
  /** Its place in the plan; kept when others are left out. */
  index: number;
  /** Milliseconds after the start. */
  at: number;
  kind: ActionKind;
}

/** All actions of an episode, in order of time. */
export function drawPlan(character: Character, random: Random): Action[] {
  const drawn: Omit<Action, 'index'>[] = [];
  const repeat = (pauseMs: number, source: Random, kind: () => ActionKind): void => {
    if (pauseMs === 0) return;
    for (let at = source.between(0, 2 * pauseMs); at < character.troubledMs; at += source.between(0, 2 * pauseMs)) {
      drawn.push({ at, kind: kind() });
    }
  };
  const faults = random.stream('faults');
  repeat(character.publishPauseMs, random.stream('publishes'), () => 'publish');
  repeat(character.inboundPauseMs, random.stream('inbound'), () => 'publish inbound');
  repeat(character.faultPauseMs, faults, () => faults.pick(character.faults));
  return drawn.sort((one, other) => one.at - other.at).map((action, index) => ({ ...action, index }));
}
