import type { HolderFacts, HolderIdentity } from './holder-identity';

/** What a lock file says. */
export interface LockContent extends HolderIdentity {
  /** Unique for each taking of a lock: 32 hexadecimal digits. */
  nonce: string;
  /** Whether the holder rewrites the file every 10 s with a higher `beat`. */
  beats: boolean;
  beat: number;
}

/**
 * `alive`: a process that runs. `dead`: certainly gone. `beating`: cannot be checked from here, but shows signs of life
 * while it lives. `silent`: cannot be checked, and shows none.
 */
export type Judgement = 'alive' | 'dead' | 'beating' | 'silent';

/**
 * Judges the holder of a lock from the point of view of `self`:
 *
 * | boot | host | pid namespace | lock | judgement |
 * | --- | --- | --- | --- | --- |
 * | same | any | same | any | pid and start time decide |
 * | same | same | other, not the machine's first | any | a container that was restarted: dead, unless a process of it is seen |
 * | other | same | any | silent, on a local disk | the machine was restarted: dead |
 * | else | | | beats | beating |
 * | else | | | silent | silent |
 *
 * Third row: who is silent found its disk to be local and itself in the machine's first namespace, and so do we.
 */
export async function judgeHolder(
  holder: LockContent,
  self: HolderIdentity,
  facts: HolderFacts,
  onNetwork: boolean,
): Promise<Judgement> {
  const sameHost = holder.host === self.host;
  // Platforms without boot id have no namespaces either; there only the host name tells machines apart.
  const sameBoot = holder.bootId === self.bootId && (self.bootId !== '' || sameHost);

  if (sameBoot && holder.pidNamespace === self.pidNamespace) return judgeProcess(holder, facts);
  if (sameBoot && sameHost && !facts.isFirstNamespace(holder.pidNamespace)) {
    return (await facts.isNamespaceInUse(holder.pidNamespace)) ? 'alive' : 'dead';
  }
  if (!sameBoot && sameHost && !holder.beats && !onNetwork) return 'dead';
  return holder.beats ? 'beating' : 'silent';
}

async function judgeProcess(holder: LockContent, facts: HolderFacts): Promise<Judgement> {
  const found = await facts.process(holder.pid);
  if (!found) return 'dead';
  const isLaterProcess = found.start !== '' && holder.processStart !== '' && found.start !== holder.processStart;
  return isLaterProcess ? 'dead' : 'alive';
}
