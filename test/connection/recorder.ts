import { openConnection } from '../../src/connection/connection';
import type {
  ConnackDetails,
  Connect,
  Connection,
  ConnectionEnd,
  ConnectionEvents,
  ConnectionOptions,
} from '../../src/connection/types';
import type { ConnectionLimits, InboundPacket } from '../../src/session/packets';
import { waitFor } from '../support/wait';

/** A connection and everything it told its owner. */
export class Recorder implements ConnectionEvents {
  readonly connection: Connection;
  readonly calls: string[] = [];
  readonly received: InboundPacket[] = [];
  readonly congestion: boolean[] = [];
  readonly ends: ConnectionEnd[] = [];
  limits: ConnectionLimits | undefined;
  details: ConnackDetails | undefined;

  constructor(options: Partial<ConnectionOptions> & { url: string }, connect: Connect = openConnection) {
    this.connection = connect({ clientId: 'test', protocolVersion: 4, clean: true, keepalive: 60, ...options }, this);
  }

  up(limits: ConnectionLimits, details: ConnackDetails): void {
    this.calls.push('up');
    this.limits = limits;
    this.details = details;
  }

  packets(packets: InboundPacket[]): void {
    this.calls.push(`packets ${packets.length}`);
    this.received.push(...packets);
  }

  congested(congested: boolean): void {
    this.congestion.push(congested);
  }

  down(end: ConnectionEnd): void {
    this.calls.push('down');
    this.ends.push(end);
  }

  async waitUp(): Promise<ConnectionLimits> {
    await waitFor(() => this.limits ?? this.ends[0], { what: 'CONNACK' });
    if (!this.limits) throw this.ends[0]?.error ?? new Error(`down: ${this.ends[0]?.kind}`);
    return this.limits;
  }

  async waitDown(timeoutMs = 10_000): Promise<ConnectionEnd> {
    return waitFor(() => this.ends[0], { what: 'the connection to be down', timeoutMs });
  }

  async waitPackets(count: number): Promise<InboundPacket[]> {
    await waitFor(() => this.received.length >= count || this.ends[0], {
      what: `${count} packets`,
      detail: () => JSON.stringify(this.received),
    });
    if (this.received.length < count) throw this.ends[0]?.error ?? new Error(`down: ${this.ends[0]?.kind}`);
    return this.received;
  }

  /** Ends it if the test did not. */
  async close(): Promise<void> {
    this.connection.end({ force: true });
    await this.waitDown();
  }
}
