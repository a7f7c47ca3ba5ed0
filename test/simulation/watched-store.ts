import type { DeadLetterLimits, RecoveredSession, SessionJournal, SessionOpener } from '../../src/client/ports';
import { identifierOf, MESSAGE_IDENTIFIERS } from '../../src/session/packet-identifiers';
import type { SessionRecord } from '../../src/session/records';
import type { RecordCodec } from '../../src/session/state';
import type { MemoryDisk } from '../support/memory-disk';
import type { Ledger } from './ledger';
import type { Trace } from './trace';

/**
 * I/O calls that an opening may take: so many, and so many for each 64 KiB on the disk (which holds other sessions and
 * files in quarantine, too). Without a bound a recovery that never ends would look like one that takes long.
 */
const OPENING_CALLS_MAX = 400;
const OPENING_CALLS_PER_64_KIB = 64;

export interface StoreWatch {
  disk: MemoryDisk;
  ledger: Ledger;
  trace: Trace;
  violation: (text: string) => void;
  /** Before anything is told: whether bits of what is opened were flipped. */
  isDamaged: () => boolean;
  /** `isOther`: it is not the session that was open before. */
  opened: (recovered: RecoveredSession<SessionRecord>, isOther: boolean) => void;
  /** A record was appended that ends this message, and the broker did not take it. */
  leaves: (number: number) => void;
}

/** The store as the simulated session's client sees it. All that goes through is noted in the ledger, nothing is changed. */
export class WatchedStore implements SessionOpener {
  constructor(
    private readonly store: SessionOpener,
    private readonly watch: StoreWatch,
  ) {}

  async open<R>(
    clientId: string,
    codec: RecordCodec<R>,
    expiryInterval: number | undefined,
    limits?: DeadLetterLimits,
  ): Promise<SessionJournal<R>> {
    const { disk, ledger, trace, violation } = this.watch;
    const before = disk.calls;
    const journal = await this.store.open(clientId, codec, expiryInterval, limits);
    const calls = disk.calls - before;
    const bound = OPENING_CALLS_MAX + Math.ceil(disk.used / 65_536) * OPENING_CALLS_PER_64_KIB;
    if (calls > bound) violation(`opening took ${calls} I/O calls, ${bound} are expected at most`);
    trace.add('session opened', () => `after ${calls} calls`);
    const recovered = journal.recovered as RecoveredSession<SessionRecord>;
    const isOther = ledger.opened(recovered, this.watch.isDamaged());
    this.watch.opened(recovered, isOther);
    return this.#watched(journal);
  }

  #watched<R>(journal: SessionJournal<R>): SessionJournal<R> {
    const { ledger, trace } = this.watch;
    return {
      recovered: journal.recovered,
      deadLetters: journal.deadLetters,
      get events() {
        return journal.events;
      },
      set events(events) {
        journal.events = {
          ...events,
          durable: (sequence) => {
            ledger.durable(sequence);
            trace.events += 1;
            events.durable(sequence);
          },
          failed: (error, records) => {
            ledger.failed(records);
            trace.events += 1;
            events.failed(error, records);
          },
        };
      },
      append: (sequence, record) => {
        for (const number of ledger.endedUnsent(record as SessionRecord)) this.watch.leaves(number);
        const passesOver = ledger.appended(sequence, record as SessionRecord);
        if (passesOver) trace.add('reserved identifier passed over');
        if (sequence > MESSAGE_IDENTIFIERS && identifierOf(sequence) === 1) trace.add('identifiers wrapped');
        journal.append(sequence, record);
      },
      read: (after, maxBytes) => journal.read(after, maxBytes),
      reader: (after) => journal.reader(after),
      checkpoint: (state, metadata, neededFrom) => journal.checkpoint(state, metadata, neededFrom),
      admission: () => journal.admission(),
      statistics: () => journal.statistics(),
      close: () => journal.close(),
    };
  }
}
