import type { Answer, Contender, Request, RoundResult } from './contender';

/** Lets the parent process drive a contender. */
export function serve(contender: Contender): void {
  process.on('message', (request: Request) => {
    answer(contender, request).then(send, (error: Error) =>
      send({ type: 'failed', error: error.stack ?? error.message }),
    );
  });
}

async function answer(contender: Contender, request: Request): Promise<Answer> {
  switch (request.type) {
    case 'connect':
      await contender.connect(request.brokerUrl);
      return { type: 'done' };
    case 'round':
      return { type: 'done', result: await round(contender, request) };
    case 'backlog':
      await contender.backlog?.(request.messages, Buffer.alloc(request.payloadBytes, 'x'), request.qos);
      return { type: 'done' };
    case 'drain':
      return { type: 'done', result: await timed((start) => contender.drain?.(start)) };
    case 'subscribe':
      await contender.subscribe?.(request.topic, request.qos);
      return { type: 'done' };
    case 'leave':
      await contender.leave?.();
      return { type: 'done' };
    case 'receive':
      return { type: 'done', result: await timed(() => contender.receive?.(request.messages)) };
    case 'open': {
      let figures: Record<string, number> | undefined;
      const result = await timed(async () => {
        figures = await contender.open?.(request.brokerUrl);
      });
      return { type: 'done', result: { ...result, ...(figures === undefined ? {} : { figures }) } };
    }
    case 'close':
      await contender.close();
      return { type: 'done' };
  }
}

/** What `work` takes, from its beginning or from when it calls `start`. */
async function timed(work: (start: () => void) => Promise<void> | undefined): Promise<RoundResult> {
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
  const { messages, outstanding, payloadBytes, qos } = request;
  const payload = Buffer.alloc(payloadBytes, 'x');
  return new Promise((resolve, reject) => {
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    let published = 0;
    let acknowledged = 0;
    const publishOne = (): void => {
      published += 1;
      contender.publish('bench/publish', payload, qos, onAcknowledged);
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
