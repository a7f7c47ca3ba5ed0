import type { TargetDefinition } from './target';
import { adminTargets } from './targets/administration';
import { packetTargets } from './targets/packets';
import { sessionFileTargets } from './targets/session-files';
import { textTargets } from './targets/texts';

/** Every parser that input from outside reaches. */
export const targets: readonly TargetDefinition[] = [
  ...adminTargets,
  ...packetTargets,
  ...textTargets,
  ...sessionFileTargets,
];
