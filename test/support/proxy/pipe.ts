import type * as net from 'node:net';
import type { Packet } from 'mqtt-packet';
import { FrameReader, type Piece } from './frames';

/**
 * `drop`: this packet is left out. `cut`: it is left out and the connection is cut. `forward-and-cut`: the connection
 * is cut right behind the packet, which still arrives.
 */
export type Decision = 'forward' | 'drop' | 'cut' | 'forward-and-cut';

export interface PipeEvents {
  /** Every packet that was read from the source. */
  read(packet: Packet): void;
  /** Right before the last byte of a packet goes to the destination. */
  forwarding(packet: Packet): void;
  /** Asked for packets that arrived while {@link wantsDecisions} was true. */
  decide(packet: Packet): Decision;
  wantsDecisions(): boolean;
  malformed(message: string): void;
  cut(): void;
  /** Like cut, but the destination still gets what was written to it, and its end. */
  cutBehind(destination: net.Socket): void;
}

/** The state of the link, shared by all pipes of one direction. Changes take effect at the next {@link Pipe.wake}. */
export interface Link {
  frozen: boolean;
  /** Undefined: no limit. */
  bytesPerSecond: number | undefined;
  /** One way. */
  delayMs: number;
}

// What may wait inside the proxy before it stops reading and lets TCP push back. A delayed link holds what is under way.
const QUEUED_BYTES_MAX = 64 * 1024;
const QUEUED_BYTES_MAX_DELAYED = 4 * 1024 * 1024;
const QUEUED_BYTES_MAX_THROTTLED = 8 * 1024;
/** A throttled link sends what it may in portions of this time. */
const THROTTLE_PORTION_MS = 50;

interface Queued extends Piece {
  due: number;
  /** Bytes of it already sent. */
  sent: number;
  /** Packets of it already announced. */
  announced: number;
}

/** One direction of a proxied connection. */
export class Pipe {
  readonly #queue: Queued[] = [];
  #queuedBytes = 0;
  #reader: FrameReader | undefined;
  #sourceEnded = false;
  #blocked = false;
  #timer: NodeJS.Timeout | undefined;
  #tokens = 0;
  #tokensAt = 0;
  #malformedReported = false;
  #closed = false;

  constructor(
    readonly source: net.Socket,
    readonly destination: net.Socket,
    readonly link: Link,
    readonly events: PipeEvents,
  ) {
    source.on('data', (chunk: Buffer) => this.#onData(chunk));
    const ended = () => {
      this.#sourceEnded = true;
      this.wake();
    };
    source.on('end', ended);
    source.on('close', ended);
    destination.on('drain', () => {
      this.#blocked = false;
      this.wake();
    });
    destination.on('close', () => this.close());
    if (link.frozen) source.pause();
  }

  /** Must be called before the first byte arrives; for the broker's direction that is when CONNECT was seen. */
  decode(protocolVersion?: number): void {
    this.#reader = new FrameReader(protocolVersion);
  }

  /** The link has changed, or something may go on. */
  wake(): void {
    if (this.#closed) return;
    this.#pump();
    this.#adjustReading();
  }

  /** Nothing more is forwarded. */
  close(): void {
    this.#closed = true;
    this.source.resume();
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    const due = this.link.delayMs > 0 ? performance.now() + this.link.delayMs : 0;
    for (const piece of this.#read(chunk)) {
      this.#queue.push({ ...piece, due, sent: 0, announced: 0 });
      this.#queuedBytes += piece.bytes.length;
      for (const { packet } of piece.packets) this.events.read(packet);
    }
    if (this.#reader?.error && !this.#malformedReported) {
      this.#malformedReported = true;
      this.events.malformed(this.#reader.error.message);
    }
    this.wake();
  }

  #read(chunk: Buffer): Piece[] {
    if (!this.#reader) return [{ bytes: chunk, packets: [], whole: false }];
    return this.#reader.read(chunk, this.events.wantsDecisions());
  }

  #pump(): void {
    if (this.link.frozen || this.#blocked) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let head = this.#queue[0]; head && !this.#closed; head = this.#queue[0]) {
      const waitMs = head.due === 0 ? 0 : head.due - performance.now();
      const allowed = waitMs > 0 ? 0 : this.#allowance(head.bytes.length - head.sent);
      if (allowed === 0) {
        this.#timer = setTimeout(() => this.wake(), waitMs > 0 ? Math.ceil(waitMs) : THROTTLE_PORTION_MS);
        return;
      }
      const decision = head.whole && head.sent === 0 ? this.#decide(head) : 'forward';
      if (decision === 'drop') continue;
      if (decision === 'cut') {
        this.events.cut();
        return;
      }
      // The whole packet at once: it is followed by the end of the connection.
      const bytes = decision === 'forward-and-cut' ? head.bytes.length : allowed;
      this.#send(head, bytes, decision === 'forward-and-cut');
      if (this.#blocked) return;
    }
    if (this.#sourceEnded && this.#queue.length === 0 && !this.#closed && !this.destination.writableEnded) {
      this.destination.end();
    }
  }

  #decide(head: Queued): Decision {
    const [entry] = head.packets;
    const decision = entry && this.events.wantsDecisions() ? this.events.decide(entry.packet) : 'forward';
    if (decision === 'drop') this.#dequeue(head);
    return decision;
  }

  #send(head: Queued, bytes: number, cutAfterwards: boolean): void {
    const from = head.sent;
    const to = from + bytes;
    head.sent = to;
    for (let next = head.packets[head.announced]; next && next.end <= to; next = head.packets[head.announced]) {
      head.announced++;
      this.events.forwarding(next.packet);
    }
    if (to === head.bytes.length) this.#dequeue(head);
    const slice = bytes === head.bytes.length ? head.bytes : head.bytes.subarray(from, to);
    if (cutAfterwards) {
      this.destination.write(slice);
      this.events.cutBehind(this.destination);
      return;
    }
    if (!this.destination.write(slice)) this.#blocked = true;
  }

  #dequeue(head: Queued): void {
    this.#queue.shift();
    this.#queuedBytes -= head.bytes.length;
  }

  /** How many of `wanted` bytes may go now: a token bucket that holds one portion. */
  #allowance(wanted: number): number {
    const rate = this.link.bytesPerSecond;
    if (rate === undefined) return wanted;
    const now = performance.now();
    const capacity = Math.max(1, (rate * THROTTLE_PORTION_MS * 2) / 1000);
    this.#tokens = Math.min(capacity, this.#tokens + ((now - this.#tokensAt) * rate) / 1000);
    this.#tokensAt = now;
    const allowed = Math.min(wanted, Math.floor(this.#tokens));
    this.#tokens -= allowed;
    return allowed;
  }

  #adjustReading(): void {
    const { frozen, bytesPerSecond, delayMs } = this.link;
    const max =
      bytesPerSecond !== undefined
        ? QUEUED_BYTES_MAX_THROTTLED
        : delayMs > 0
          ? QUEUED_BYTES_MAX_DELAYED
          : QUEUED_BYTES_MAX;
    const full = frozen || this.#blocked || this.#queuedBytes >= max;
    if (full && !this.source.isPaused()) this.source.pause();
    else if (!full && this.source.isPaused()) this.source.resume();
  }
}
