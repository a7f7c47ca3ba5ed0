import * as fs from 'node:fs';

/** A message is told by its topic and number: `<topic> <number>`. */
export type MessageKey = string;

export function keyOf(topic: string, sequence: number): MessageKey {
  return `${topic} ${sequence}`;
}

/** The messages with `count` numbers from `first` on. */
export function keysOf(topic: string, first: number, count: number): MessageKey[] {
  return Array.from({ length: count }, (_unused, index) => keyOf(topic, first + index));
}

/** One hand-over of an inbound message. */
export interface HandOver {
  key: MessageKey;
  topic: string;
  sequence: number;
  /** The run of the process that got it. */
  generation: number;
  qos: 0 | 1 | 2;
  dup: boolean;
  redelivered: boolean;
}

/** Lines that another process appends, each with one write(): they are there even if it is killed right after. */
class LineFile {
  readonly #file: string;
  #position = 0;

  constructor(file: string) {
    this.#file = file;
    fs.writeFileSync(file, '');
  }

  /** Whole lines that came since the last call. */
  readNew(): string[] {
    const size = fs.statSync(this.#file).size;
    if (size === this.#position) return [];
    const file = fs.openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(size - this.#position);
      const count = fs.readSync(file, bytes, 0, bytes.length, this.#position);
      const end = bytes.subarray(0, count).lastIndexOf(0x0a) + 1;
      this.#position += end;
      return bytes
        .toString('utf8', 0, end)
        .split('\n')
        .filter((line) => line !== '');
    } finally {
      fs.closeSync(file);
    }
  }
}

/**
 * What a process that may be killed has reported, in files it appends to: messages done, and messages handed over.
 * A report that the kill prevented is missing here, which only means that nothing is known.
 */
export class Ledger {
  /** Line: `<topic> <number>`, for each message that was given to be published. Not all tests write it. */
  readonly handedFile: string;
  /** Line: `<topic> <number>`. */
  readonly doneFile: string;
  /** Line: `<generation> <topic> <number> <QoS> <DUP> <redelivered>`. */
  readonly receivedFile: string;
  readonly handed: MessageKey[] = [];
  /** Reported done, in order. */
  readonly done: MessageKey[] = [];
  readonly received: HandOver[] = [];
  readonly #handedLines: LineFile;
  readonly #doneLines: LineFile;
  readonly #receivedLines: LineFile;

  constructor(directory: string) {
    this.handedFile = `${directory}/handed.log`;
    this.doneFile = `${directory}/done.log`;
    this.receivedFile = `${directory}/received.log`;
    this.#handedLines = new LineFile(this.handedFile);
    this.#doneLines = new LineFile(this.doneFile);
    this.#receivedLines = new LineFile(this.receivedFile);
  }

  /** Takes in what was written since the last call. */
  refresh(): this {
    for (const line of this.#handedLines.readNew()) this.handed.push(line);
    for (const line of this.#doneLines.readNew()) this.done.push(line);
    for (const line of this.#receivedLines.readNew()) this.received.push(parseHandOver(line));
    return this;
  }
}

function parseHandOver(line: string): HandOver {
  const [generation, topic = '', sequence, qos, dup, redelivered] = line.split(' ');
  return {
    key: keyOf(topic, Number(sequence)),
    topic,
    sequence: Number(sequence),
    generation: Number(generation),
    qos: Number(qos) as 0 | 1 | 2,
    dup: dup === '1',
    redelivered: redelivered === '1',
  };
}
