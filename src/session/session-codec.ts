import { stateFromOriginal } from './migration';
import { recordCodec } from './record-codec';
import type { SessionRecord } from './records';
import type { RecordCodec } from './state';

/** All that a store needs to know of what it stores. */
export const sessionCodec: RecordCodec<SessionRecord> = { ...recordCodec, migrate: stateFromOriginal };
