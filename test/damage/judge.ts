import * as assert from 'node:assert/strict';
import type { Content, Opened } from './opened';

/** How much one damage may cost; what is lost must be reported. */
export interface Allowance {
  messages: number;
  deadLetters: number;
  /** Identifiers, phases, subscriptions, pause: what the snapshot and the records above it say. */
  protocol: boolean;
  /** It may be that the session, or the client ids, cannot be used until somebody decides. */
  refusals: readonly string[];
  clientIds: boolean;
}

export const NOTHING: Allowance = { messages: 0, deadLetters: 0, protocol: false, refusals: [], clientIds: false };

export interface Loss {
  messages: number;
  deadLetters: number;
  protocol: boolean;
}

/**
 * The rules for whatever was done to the files: nothing is given as something else, what is lost is within `allowed` and
 * reported as an error with what was lost, and what is damaged is kept for inspection.
 * @returns what was lost; undefined for a session that was refused.
 */
export function judge(where: string, before: Content, opened: Opened, allowed: Allowance): Loss | undefined {
  const { content, refusedWith, clientIdsRefusedWith, notices, quarantined } = opened;
  const shown = () => `${where}: ${JSON.stringify(notices)}`;
  if (refusedWith !== undefined) {
    assert.ok(allowed.refusals.includes(refusedWith), `${where} is refused with ${refusedWith}`);
    return undefined;
  }
  assert.ok(content, where);
  if (clientIdsRefusedWith === undefined) {
    // Never another one, which would be another session.
    assert.equal(content.clientIds, before.clientIds, where);
  } else {
    assert.ok(allowed.clientIds && clientIdsRefusedWith === 'ERR_CLIENT_ID_FILE', `${where}: ${clientIdsRefusedWith}`);
  }
  const errors = notices.filter(({ level }) => level === 'error');
  const isReported = errors.length > 0;

  const lostMessages = missing(before.messages, content.messages, where);
  const lostDeadLetters = missing(before.deadLetters, content.deadLetters, where);
  // A message that had been completed may be back when the word of its completion is lost, but not unreported.
  const extra = [...content.messages.keys()].filter((sequence) => !before.messages.has(sequence));
  const isProtocolLost = content.protocol !== before.protocol;
  const hasLoss = lostMessages + lostDeadLetters + extra.length > 0 || isProtocolLost;
  assert.ok(
    !hasLoss || isReported,
    `${shown()} lost ${lostMessages} messages, ${lostDeadLetters} dead letters unreported`,
  );
  if (hasLoss) {
    assert.ok(
      errors.some(({ text }) => /\d/.test(text) && /lost|missing|damaged|belongs|not the segment/.test(text)),
      `${shown()} does not say what was lost`,
    );
  }
  assert.ok(lostMessages <= allowed.messages, `${shown()} cost ${lostMessages} messages`);
  assert.ok(lostDeadLetters <= allowed.deadLetters, `${shown()} cost ${lostDeadLetters} dead letters`);
  assert.ok(
    !(isProtocolLost || extra.length > 0) || allowed.protocol || lostMessages > 0,
    `${shown()} cost protocol state`,
  );
  // Only what is missing cannot be kept.
  const isSomethingThere = errors.some(({ text }) => !/is missing|a missing or shortened file/.test(text));
  assert.ok(!isSomethingThere || quarantined.length > 0, `${shown()} kept nothing for inspection`);
  return { messages: lostMessages, deadLetters: lostDeadLetters, protocol: isProtocolLost };
}

/** How many of `before` are not in `after`; one that is, is what it was. */
function missing(before: ReadonlyMap<number, string>, after: ReadonlyMap<number, string>, where: string): number {
  let count = 0;
  for (const [key, text] of before) {
    const found = after.get(key);
    if (found === undefined) count++;
    else assert.equal(found, text, `${where}: ${key} is another one`);
  }
  return count;
}
