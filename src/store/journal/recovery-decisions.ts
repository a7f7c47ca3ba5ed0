/**
 * What recovery does where the chain of records is interrupted. The highest sequence that any part of the journal
 * names as durable, or that the snapshot includes, is the mark: up to it nothing may be missing.
 */
export interface InterruptionFacts {
  /** A later segment replaces everything from here on. */
  superseded: boolean;
  /** There are bytes here that are no valid record. */
  unreadable: boolean;
  /** At least one sequence number is known to be missing here. */
  missing: boolean;
  /** The first missing one is at or below the mark. */
  durable: boolean;
  /** Valid records follow. */
  followed: boolean;
}

/**
 * `intact`: nothing to do. `ignore`: what is here does not count. `torn`: the journal ends here. `scar`: all records
 * are there, yet bytes between them are damaged. `damage`: records are lost; those that follow are kept.
 * `impossible`: the facts contradict each other.
 */
export type InterruptionDecision = 'intact' | 'ignore' | 'torn' | 'scar' | 'damage' | 'impossible';

interface RecoveryCase {
  label: string;
  facts: Partial<InterruptionFacts>;
  decision: InterruptionDecision;
  /** How a disk gets there. */
  story: string;
}

/** Exactly one case matches any combination of facts. */
export const recoveryCases: readonly RecoveryCase[] = [
  {
    label: 'replaced by a later segment',
    facts: { superseded: true },
    decision: 'ignore',
    story:
      'A sync failed, or another process took the session over: from here on the records went to a new segment. ' +
      'What the old file holds, whole or broken, was never reported, or stands in the new one again.',
  },
  {
    label: 'end of a journal in order',
    facts: { superseded: false, unreadable: false, missing: false, durable: false },
    decision: 'intact',
    story: 'The last record is followed by nothing, or by the next segment.',
  },
  {
    label: 'torn tail',
    facts: { superseded: false, unreadable: true, missing: false, durable: false, followed: false },
    decision: 'torn',
    story: 'The process was killed, or the power went, during the last write. None of it had been reported.',
  },
  {
    label: 'hole in what was never synced',
    facts: { superseded: false, missing: true, durable: false, followed: true },
    decision: 'torn',
    story:
      'Several writes waited for the same sync when the power went, and the disk had kept a later one but not an ' +
      'earlier. Records behind the hole must not overtake those in it.',
  },
  {
    label: 'records lost',
    facts: { superseded: false, missing: true, durable: true },
    decision: 'damage',
    story: 'A flipped bit, a bad sector, a missing, swapped or foreign file: the disk lost what it had confirmed.',
  },
  {
    label: 'damage without loss',
    facts: { superseded: false, unreadable: true, missing: false, durable: false, followed: true },
    decision: 'scar',
    story:
      'A batch header is damaged, but its records prove themselves; or a failed write left bytes behind that could not ' +
      'be cut off before the journal went on elsewhere.',
  },
  {
    label: 'nothing missing, but durable',
    facts: { superseded: false, missing: false, durable: true },
    decision: 'impossible',
    story: 'Only a missing record can be at or below the mark.',
  },
  {
    label: 'missing, but neither before the mark nor before a record',
    facts: { superseded: false, missing: true, durable: false, followed: false },
    decision: 'impossible',
    story: 'Nothing says that there ever was a record behind the last one.',
  },
];

/** The case that matches `facts`. @throws Error when none or several do, which the tests rule out. */
export function recoveryCaseFor(facts: InterruptionFacts): RecoveryCase {
  const matching = recoveryCases.filter((row) =>
    Object.entries(row.facts).every(([name, value]) => facts[name as keyof InterruptionFacts] === value),
  );
  const [found] = matching;
  if (found === undefined || matching.length !== 1) {
    throw new Error(`${matching.length} recovery cases match ${JSON.stringify(facts)}`);
  }
  return found;
}
