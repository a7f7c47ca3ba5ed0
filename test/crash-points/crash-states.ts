import { createHash } from 'node:crypto';
import { seededRandom } from '../support/memory-disk';
import type { DiskState, NameChange, Operation } from './recording-disk';

const SECTOR_BYTES = 512;

/** How many of the states that a crash may leave are built. */
export interface Depth {
  /** Up to so many changes that are not synced, every subset of them is tried. */
  subsetsOf: number;
  /** Above, so many subsets drawn with a fixed seed, besides none and all, and */
  sampledSubsets: number;
  /** each of the newest so many alone, and all but it. Each has been among the newest before. */
  aloneOf: number;
  /** A write of up to so many bytes is torn at every byte; a larger one at the borders. */
  everyByteOf: number;
  /** Of a larger write: so many places besides its borders, spread evenly. */
  sampledBytes: number;
  /** Tear all writes that are not synced, not only the newest. */
  tearAll: boolean;
  /** Let every state be delivered to a broker; else each session that recovery makes of them, once per set of promises. */
  deliverAll: boolean;
}

/** What one `npm test` has time for. */
export const SHALLOW: Depth = {
  subsetsOf: 2,
  sampledSubsets: 2,
  aloneOf: 2,
  everyByteOf: 0,
  sampledBytes: 4,
  tearAll: false,
  deliverAll: false,
};
export const DEEP: Depth = {
  subsetsOf: 6,
  sampledSubsets: 32,
  aloneOf: Number.POSITIVE_INFINITY,
  everyByteOf: 4096,
  sampledBytes: 64,
  tearAll: true,
  deliverAll: true,
};

/** One disk as a crash may leave it. */
export interface CrashState {
  /** How it came about, for messages. */
  description: string;
  state: DiskState;
  /** The same for disks on which every path has the same content. */
  fingerprint: string;
}

type DataOperation = Extract<Operation, { kind: 'write' | 'truncate' }>;

/** Random bytes that only take room. */
const MEANINGLESS = /\/reserve /;

/** One thing that is on the disk or not, whole, if the power goes now. */
type Pending =
  | {
      kind: 'data';
      operation: DataOperation;
      /** Further ones that share its fate: of a file whose content means nothing. */
      also: DataOperation[];
    }
  | {
      kind: 'names';
      operation: Extract<Operation, { kind: 'names' }>;
      changes: NameChange[];
      /** The other half of a move between directories, as long as that is not synced either. */
      other: Pending | undefined;
    };

/** What becomes of one pending write. */
type Form = { from: number; to: number; zero: 'none' | 'rest' };

/**
 * The states that a crash may leave after each prefix of a log.
 *
 * What POSIX promises and nothing more: data is on the disk after the sync of its file, a name after the sync of its
 * directory. Before, any subset may be, in any order: a write whole, torn, or as zeros (its length is on the disk, its
 * bytes are not). A rename inside a directory is whole or not there; of a move between directories the old name may
 * stay beside the new one, and when only the old one's directory was synced, the new one may be missing. What a process
 * that is killed leaves is one of these states: everything, the last write torn.
 */
export class CrashStates {
  readonly #files = new Map<number, Buffer>();
  readonly #directories = new Map<number, Map<string, number>>();
  #pending: Pending[] = [];
  #newest: Operation | undefined;
  readonly #random = seededRandom(1);
  #meaningless: { one: Pending; before: Buffer | undefined; count: number; after: Buffer } | undefined;
  readonly #digests = new WeakMap<Buffer, string>();

  constructor(
    start: DiskState,
    private readonly depth: Depth = SHALLOW,
    /** Changes that a failed sync has dropped: no later one brings them to the disk. */
    private readonly dropped: ReadonlySet<Operation> = new Set(),
  ) {
    for (const [id, bytes] of start.files) this.#files.set(id, bytes);
    for (const [id, names] of start.directories) this.#directories.set(id, new Map(names));
  }

  /** The next operation of the log has been done. */
  advance(operation: Operation): void {
    this.#newest = operation;
    switch (operation.kind) {
      case 'write':
      case 'truncate':
        if (!this.#files.has(operation.file)) this.#files.set(operation.file, Buffer.alloc(0));
        this.#addData(operation);
        return;
      case 'names':
        this.#addNames(operation);
        return;
      case 'sync':
        this.#pending = this.#pending.filter((one) => {
          if (one.kind !== 'data' || one.operation.file !== operation.file) return true;
          for (const data of [one.operation, ...one.also]) {
            if (!this.dropped.has(data)) applyData(this.#files, data, undefined);
          }
          return false;
        });
        return;
      case 'syncDirectory':
        this.#pending = this.#pending.filter((one) => {
          if (one.kind !== 'names' || one.changes[0]?.directory !== operation.directory) return true;
          applyNames(this.#directories, one.changes);
          if (one.other?.kind === 'names') one.other.other = undefined;
          return false;
        });
        return;
    }
  }

  /** The states of now; no two are the same. */
  *now(): Generator<CrashState> {
    const seen = new Set<string>();
    for (const { description, kept, forms } of this.#choices()) {
      const state = this.#build(kept, forms);
      const fingerprint = this.#fingerprint(state);
      if (seen.has(fingerprint)) continue;
      seen.add(fingerprint);
      yield { description, state, fingerprint };
    }
  }

  /** Only what was synced. */
  synced(): DiskState {
    return this.#build(new Set(), new Map());
  }

  #addData(operation: DataOperation): void {
    const last = this.#pending.find((one) => one.kind === 'data' && one.operation.file === operation.file);
    if (last?.kind === 'data' && MEANINGLESS.test(operation.label)) last.also.push(operation);
    else this.#pending.push({ kind: 'data', operation, also: [] });
  }

  #addNames(operation: Extract<Operation, { kind: 'names' }>): void {
    for (const { node } of operation.changes) {
      if (node !== undefined && !this.#files.has(node) && !this.#directories.has(node)) {
        if (operation.label.startsWith('makeDirectory')) this.#directories.set(node, new Map());
        else this.#files.set(node, Buffer.alloc(0));
      }
    }
    const [first, second] = operation.changes;
    if (first !== undefined && second !== undefined && first.directory !== second.directory) {
      const arrival: Pending = { kind: 'names', operation, changes: [first], other: undefined };
      const departure: Pending = { kind: 'names', operation, changes: [second], other: arrival };
      arrival.other = departure;
      this.#pending.push(arrival, departure);
    } else {
      this.#pending.push({ kind: 'names', operation, changes: operation.changes, other: undefined });
    }
  }

  *#choices(): Generator<{ description: string; kept: ReadonlySet<Pending>; forms: Map<Pending, Form> }> {
    const pending = this.#pending;
    const { subsetsOf, sampledSubsets, aloneOf, tearAll } = this.depth;
    const choice = (description: string, kept: Iterable<Pending>, forms: [Pending, Form][] = []) => ({
      description,
      kept: new Set(kept),
      forms: new Map(forms),
    });
    yield choice('everything', pending);
    yield choice('only what was synced', []);
    if (pending.length <= subsetsOf) {
      for (let bits = 1; bits < 2 ** pending.length - 1; bits++) {
        const kept = pending.filter((_, index) => (bits >> index) % 2 === 1);
        yield choice(`what was synced and ${names(kept)}`, kept);
      }
    } else {
      for (const one of pending.slice(-Math.min(aloneOf, pending.length))) {
        yield choice(`what was synced and ${names([one])}`, [one]);
        yield choice(
          `everything but ${names([one])}`,
          pending.filter((other) => other !== one),
        );
      }
      for (let count = 2; tearAll && count < pending.length - 1; count++) {
        yield choice(`what was synced and the first ${count} changes`, pending.slice(0, count));
      }
      for (let sample = 0; sample < sampledSubsets; sample++) {
        const kept = pending.filter(() => this.#random() < 0.5);
        yield choice(`what was synced and ${names(kept)}`, kept);
      }
    }
    for (const [index, one] of pending.entries()) {
      if (one.kind !== 'data' || one.operation.kind !== 'write' || one.also.length > 0) continue;
      if (MEANINGLESS.test(one.operation.label)) continue;
      if (one.operation !== this.#newest && !tearAll) continue;
      const before = pending.slice(0, index + 1);
      const alone = [...pending.filter((other) => other.kind === 'names'), one];
      for (const form of this.#forms(one.operation.bytes)) {
        const text = `${one.operation.label}, of which bytes ${form.from} to ${form.to}${form.zero === 'rest' ? ', the rest zeros' : ''}`;
        yield choice(`everything before and ${text}`, before, [[one, form]]);
        if (tearAll) {
          yield choice(`everything and ${text}`, pending, [[one, form]]);
          yield choice(`what was synced, all names and ${text}`, alone, [[one, form]]);
        }
      }
      yield choice(`what was synced, all names and zeros for ${one.operation.label}`, alone, [
        [one, { from: 0, to: 0, zero: 'rest' }],
      ]);
    }
  }

  /** How a write may be torn: a beginning of it, or an end from a sector on, with or without zeros for the rest. */
  *#forms(bytes: Buffer): Generator<Form> {
    const { everyByteOf, sampledBytes } = this.depth;
    const { length } = bytes;
    const cuts = new Set<number>();
    if (length <= everyByteOf) {
      for (let cut = 1; cut < length; cut++) cuts.add(cut);
    } else {
      for (const border of borders(bytes)) for (const cut of [border - 1, border, border + 1]) cuts.add(cut);
      for (let sample = 1; sample <= sampledBytes; sample++)
        cuts.add(Math.floor((length * sample) / (sampledBytes + 1)));
    }
    for (const cut of cuts) if (cut > 0 && cut < length) yield { from: 0, to: cut, zero: 'none' };
    yield { from: 0, to: 0, zero: 'rest' };
    // Sectors are those of a file that begins on one.
    for (let sector = SECTOR_BYTES; sector < length; sector += SECTOR_BYTES) {
      yield { from: 0, to: sector, zero: 'none' };
      yield { from: 0, to: sector, zero: 'rest' };
      yield { from: sector, to: length, zero: 'rest' };
      if (sector >= SECTOR_BYTES * 16 && everyByteOf === 0) sector += length >> 2;
    }
  }

  #build(kept: ReadonlySet<Pending>, forms: ReadonlyMap<Pending, Form>): DiskState {
    const files = new Map(this.#files);
    const directories = new Map([...this.#directories].map(([id, own]) => [id, new Map(own)]));
    for (const one of this.#pending) {
      if (one.kind === 'data') {
        if (!kept.has(one)) continue;
        if (MEANINGLESS.test(one.operation.label)) this.#applyMeaningless(files, one);
        else applyData(files, one.operation, forms.get(one));
        continue;
      }
      // Neither name of a file that is moved: only if the departure was synced and the arrival was not.
      const isArrival = one.changes[0]?.node !== undefined;
      const departs = one.other !== undefined && !isArrival;
      if (departs ? kept.has(one) && kept.has(one.other as Pending) : kept.has(one)) {
        applyNames(directories, one.changes);
      }
    }
    return { files, directories };
  }

  /** Large, and the same in all states of now. */
  #applyMeaningless(files: Map<number, Buffer>, one: Extract<Pending, { kind: 'data' }>): void {
    const { file } = one.operation;
    const before = files.get(file);
    const known = this.#meaningless;
    if (known?.one !== one || known.before !== before || known.count !== one.also.length) {
      for (const data of [one.operation, ...one.also]) applyData(files, data, undefined);
      this.#meaningless = { one, before, count: one.also.length, after: files.get(file) as Buffer };
    } else {
      files.set(file, known.after);
    }
  }

  #fingerprint({ files, directories }: DiskState): string {
    const hash = createHash('md5');
    const walk = (directory: number, prefix: string): void => {
      const own = directories.get(directory) ?? new Map<string, number>();
      for (const name of [...own.keys()].sort()) {
        const node = own.get(name) as number;
        const content = files.get(node);
        if (content === undefined) {
          hash.update(`${prefix}/${name}/\n`);
          walk(node, `${prefix}/${name}`);
        } else {
          hash.update(`${prefix}/${name} ${name === 'reserve' ? content.length : this.#digest(content)}\n`);
        }
      }
    };
    walk(0, '');
    return hash.digest('base64');
  }

  #digest(content: Buffer): string {
    let digest = this.#digests.get(content);
    if (digest === undefined) {
      digest = createHash('md5').update(content).digest('base64');
      this.#digests.set(content, digest);
    }
    return digest;
  }
}

/** Where records and batches of a journal or of dead letters may begin in `bytes`: by their lengths, as far as they fit. */
function borders(bytes: Buffer): number[] {
  const found = new Set([32, 64, bytes.length]);
  for (const start of [0, 32, 64, 29, 93]) {
    let offset = start;
    for (let count = 0; count < 64 && offset + 17 <= bytes.length; count++) {
      const size = bytes.readUInt32LE(offset);
      if (size < 17 || offset + size > bytes.length) break;
      offset += size;
      found.add(offset);
      found.add(offset + 17);
    }
  }
  return [...found];
}

/** Buffers are never changed, so that states share what they have in common. */
function applyData(files: Map<number, Buffer>, operation: DataOperation, form: Form | undefined): void {
  const content = files.get(operation.file) ?? Buffer.alloc(0);
  if (operation.kind === 'truncate') {
    const grown = Buffer.alloc(operation.length);
    content.copy(grown, 0, 0, Math.min(content.length, operation.length));
    files.set(operation.file, grown);
    return;
  }
  const { position, bytes } = operation;
  const { from, to, zero } = form ?? { from: 0, to: bytes.length, zero: 'none' as const };
  const end = position + (zero === 'rest' ? bytes.length : to);
  const grown = Buffer.alloc(Math.max(content.length, end));
  content.copy(grown);
  if (zero === 'rest') grown.fill(0, Math.max(position, content.length), end);
  bytes.copy(grown, position + from, from, to);
  files.set(operation.file, grown);
}

function applyNames(directories: Map<number, Map<string, number>>, changes: readonly NameChange[]): void {
  for (const { directory, name, node } of changes) {
    const names = directories.get(directory);
    if (node === undefined) names?.delete(name);
    else names?.set(name, node);
  }
}

function names(pending: readonly Pending[]): string {
  return pending.map(({ operation }) => operation.label).join(', ') || 'nothing';
}
