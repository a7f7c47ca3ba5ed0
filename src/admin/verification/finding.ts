/**
 * One thing that a check found. `damage`: something that was stored is lost or cannot be trusted. `note`: worth knowing,
 * and in order.
 */
export interface Finding {
  severity: 'damage' | 'note';
  /** Which check found it. `version`: nothing was checked, because a newer version of this package wrote it. */
  check: 'version' | 'snapshot' | 'journal' | 'records' | 'state' | 'messages' | 'dead-letters' | 'files';
  text: string;
  /** The one file of the storage path that it is about. */
  file?: string;
}

export function damage(check: Finding['check'], text: string, file?: string): Finding {
  return { severity: 'damage', check, text, ...(file === undefined ? {} : { file }) };
}

export function note(check: Finding['check'], text: string, file?: string): Finding {
  return { severity: 'note', check, text, ...(file === undefined ? {} : { file }) };
}

/** An interrupted write (`info`) belongs to a crash; all else that recovery speaks of is damage. */
export function findingOf(check: Finding['check'], { level, text }: { level: string; text: string }): Finding {
  return level === 'info' ? note(check, text) : damage(check, text);
}
