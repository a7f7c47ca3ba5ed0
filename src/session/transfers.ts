import type { MessageSource } from './records';
import { SequenceRanges } from './sequence-ranges';
import type { TransferState } from './state';

/** Longest source id, in bytes of UTF-8. */
const SOURCE_ID_BYTES_MAX = 255;
const SOURCE_SEQUENCE_MAX = 2 ** 48 - 1;

/**
 * What of other sessions and files has been enqueued here, so that a transfer that is repeated after a crash continues
 * and nothing is doubled: enqueue with its source -> durable -> remove the original, durably -> forget the source.
 */
export class Transfers {
  readonly #sources = new Map<string, SequenceRanges>();
  /** Enqueued, and their record is not durable yet: by the sequence of that record. */
  readonly #pending = new Map<number, MessageSource>();

  constructor(transfers: readonly TransferState[] = []) {
    for (const { source, enqueued } of transfers) this.#sources.set(source, new SequenceRanges(enqueued));
  }

  has({ id, sequence }: MessageSource): boolean {
    return this.#sources.get(id)?.has(sequence) ?? false;
  }

  /** Whether the record that says so is not durable yet. Only of interest while `has` is true. */
  isPending({ id, sequence }: MessageSource): boolean {
    for (const pending of this.#pending.values()) if (pending.id === id && pending.sequence === sequence) return true;
    return false;
  }

  /** @throws RangeError for a source that no record can hold. */
  check({ id, sequence }: MessageSource): void {
    const bytes = Buffer.byteLength(id);
    if (bytes > SOURCE_ID_BYTES_MAX) throw new RangeError(`a source id has ${bytes} bytes, ${SOURCE_ID_BYTES_MAX} fit`);
    if (!Number.isInteger(sequence) || sequence < 0 || sequence > SOURCE_SEQUENCE_MAX) {
      throw new RangeError(`${sequence} is not a sequence of a source`);
    }
  }

  /** `record`: the sequence of the Enqueued record; 0 when that is durable. */
  add(source: MessageSource, record: number): void {
    let ranges = this.#sources.get(source.id);
    if (ranges === undefined) {
      ranges = new SequenceRanges();
      this.#sources.set(source.id, ranges);
    }
    ranges.add(source.sequence);
    if (record > 0) this.#pending.set(record, { ...source });
  }

  /** The store kept no record above the durable ones. */
  storeFailed(): void {
    for (const { id, sequence } of this.#pending.values()) {
      const ranges = this.#sources.get(id);
      ranges?.delete(sequence);
      if (ranges?.isEmpty) this.#sources.delete(id);
    }
    this.#pending.clear();
  }

  durable(sequence: number): void {
    for (const record of this.#pending.keys()) {
      if (record > sequence) break;
      this.#pending.delete(record);
    }
  }

  isKnown(id: string): boolean {
    return this.#sources.has(id);
  }

  end(id: string): void {
    this.#sources.delete(id);
    for (const [record, source] of this.#pending) if (source.id === id) this.#pending.delete(record);
  }

  get state(): TransferState[] {
    return [...this.#sources].map(([source, ranges]) => ({ source, enqueued: ranges.all }));
  }
}
