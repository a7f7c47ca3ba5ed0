import { SessionError } from '../../src/errors';
import type { RecordCodec } from '../../src/session/state';
import { MESSAGE_KIND_BIT } from '../../src/store/journal/format';

/** A record for tests of storage, which knows bytes and not what they mean. */
export interface TextRecord {
  isMessage: boolean;
  text: string;
}

export const message = (text: string): TextRecord => ({ isMessage: true, text });
export const note = (text: string): TextRecord => ({ isMessage: false, text });

export const textCodec: RecordCodec<TextRecord> = {
  kind: (record) => (record.isMessage ? MESSAGE_KIND_BIT | 1 : 1),
  size: (record) => Buffer.byteLength(record.text),
  write: (record, target, offset) => offset + target.write(record.text, offset),
  read(kind, body) {
    if ((kind & ~MESSAGE_KIND_BIT) !== 1) throw new SessionError('ERR_RECORD_INVALID', `unknown kind ${kind}`);
    return { isMessage: (kind & MESSAGE_KIND_BIT) !== 0, text: body.toString('utf8') };
  },
};
