import type { Answer, Contender, Request, RoundResult } from './contender';

/** Lets the parent process drive a contender. */
export function serve(contender: Contender): void {
  reply((request) => answer(contender, request));
}

/** A contender that runs whole rounds by itself. */
export interface Answering {
  connect(brokerUrl: string): Promise<void>;
  round(request: Extract<Request, { type: 'round' }>): Promise<RoundResult>;
  close(): Promise<void>;
}

/** As `serve`, for such a one. */
export function serveRounds(contender: Answering): void {
  reply(async (request) => {
    if (request.type === 'connect') await contender.connect(request.brokerUrl);
    else if (request.type === 'close') await contender.close();
    else if (request.type === 'round') return contender.round(request);
    else throw new Error(`${request.type} is not for this contender`);
    return undefined;
  });
}

/** Answers each request of the parent process with what `work` measured, or why it failed. */
export function reply(work: (request: Request) => Promise<RoundResult | undefined>): void {
  process.on('message', (request: Request) => {
    work(request).then(
      (result) => send({ type: 'done', ...(result === undefined ? {} : { result }) }),
      (error: Error) => send({ type: 'failed', error: error.stack ?? error.message }),
    );
  });
}

async function answer(contender: Contender, request: Request): Promise<RoundResult | undefined> {
  switch (request.type) {
    case 'connect':
      await contender.connect(request.brokerUrl);
      return undefined;
    case 'round':
      return round(contender, request);
    case 'backlog':
      await contender.backlog?.(request.messages, Buffer.alloc(request.payloadBytes, 'x'), request.qos);
      return undefined;
    case 'drain':
      return timed((start) => contender.drain?.(start));
    case 'subscribe':
      await contender.subscribe?.(request.topic, request.qos);
      return undefined;
    case 'leave':
      await contender.leave?.();
      return undefined;
    case 'receive':
      return timed(() => contender.receive?.(request.messages));
    case 'open': {
      let figures: Record<string, number> | undefined;
      const result = await timed(async () => {
        figures = await contender.open?.(request.brokerUrl);
      });
      return { ...result, ...(figures === undefined ? {} : { figures }) };
    }
    case 'close':
      await contender.close();
      return undefined;
    case 'append':
    case 'produce':
      throw new Error(`${request.type} is not for this contender`);
  }
}

/** What `work` takes, from its beginning or from when it calls `start`. */
export async function timed(work: (start: () => void) => Promise<void> | undefined): Promise<RoundResult> {
  let cpu = process.cpuUsage();
  let begin = performance.now();
  await work(() => {
    cpu = process.cpuUsage();
    begin = performance.now();
  });
  const milliseconds = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  return { milliseconds, cpuMicroseconds: user + system };
}

function send(reply: Answer): void {
  process.send?.(reply);
}

/** A closed loop: each acknowledgement lets the next message go, so that `outstanding` are always under way. */
function round(contender: Contender, request: Extract<Request, { type: 'round' }>): Promise<RoundResult> {
  const { messages, outstanding, payloadBytes, qos, topic = 'bench/publish' } = request;
  const payload = Buffer.alloc(payloadBytes, 'x');
  return new Promise((resolve, reject) => {
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    let published = 0;
    let acknowledged = 0;
    const publishOne = (): void => {
      published += 1;
      contender.publish(topic, payload, qos, onAcknowledged);
    };
    const onAcknowledged = (error?: Error): void => {
      if (error !== undefined && error !== null) {
        reject(error);
        return;
      }
      acknowledged += 1;
      if (published < messages) publishOne();
      if (acknowledged < messages) return;
      const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
      const { user, system } = process.cpuUsage(cpu);
      resolve({ milliseconds, cpuMicroseconds: user + system });
    };
    while (published < Math.min(outstanding, messages)) publishOne();
  });
}
