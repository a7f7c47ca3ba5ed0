import type { SessionJournal } from '../../src/client/ports';
import type { TextRecord } from './text-codec';

/** Uses a session as its client does: appends, and waits until what it appended is durable. */
export class SessionUser {
  durable: number;
  next: number;
  readonly events: string[] = [];
  private waiting: { sequence: number; resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(readonly session: SessionJournal<TextRecord>) {
    const { records, state } = session.recovered;
    this.durable = records.at(-1)?.sequence ?? state.sequence;
    this.next = this.durable + 1;
    session.events = {
      durable: (sequence) => {
        this.durable = sequence;
        this.waiting = this.waiting.filter((waiter) => {
          if (waiter.sequence > sequence) return true;
          waiter.resolve();
          return false;
        });
      },
      failed: (error) => this.fail('failed', error),
      checkpointDue: () => this.events.push('checkpointDue'),
      lost: (error) => this.fail('lost', error),
    };
  }

  /** Resolves when all records are durable; rejects with what the journal reports instead. */
  async append(...records: TextRecord[]): Promise<void> {
    for (const record of records) this.session.append(this.next++, record);
    const sequence = this.next - 1;
    if (sequence <= this.durable) return;
    await new Promise<void>((resolve, reject) => this.waiting.push({ sequence, resolve, reject }));
  }

  /** Makes a snapshot that includes everything appended. */
  async checkpoint(neededFrom: number): Promise<void> {
    const { state, metadata } = this.session.recovered;
    const sequence = this.next - 1;
    await this.session.checkpoint({ ...state, sequence, broker: `after ${sequence}` }, metadata, neededFrom);
  }

  private fail(event: string, error: Error): void {
    this.events.push(event);
    for (const waiter of this.waiting.splice(0)) waiter.reject(error);
  }
}

/** What a session's records say, in order. */
export function texts(records: { record: TextRecord }[]): string[] {
  return records.map(({ record }) => record.text);
}
