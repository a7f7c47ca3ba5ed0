import { LibraryProcess, type TrafficStream } from '../../support/library-process';
import { firstNumber, type Subject, type SubjectOptions } from './campaign';

/** Client ids and the first level of their topics, one for each protocol version. */
export const CLIENTS = [
  { clientId: 'v4', protocolVersion: 4 },
  { clientId: 'v5', protocolVersion: 5 },
] as const;

/** One stream for each client and QoS. */
export const STREAMS = CLIENTS.flatMap(({ clientId }) =>
  ([1, 2] as const).map((qos) => ({ clientId, qos, out: `${clientId}/out/qos${qos}`, in: `${clientId}/in/qos${qos}` })),
);

export const INBOUND = STREAMS.map(({ in: topic, qos }) => ({ topic, qos }));

/** The library with one client for each protocol version, publishing and subscribing at QoS 1 and 2. */
export function startLibrarySubject(perSecond: number): (options: SubjectOptions) => Subject {
  return ({ testBed, generation, traffic }) => {
    const first = firstNumber(generation);
    const streams: TrafficStream[] = STREAMS.map(({ clientId, qos, out }) => ({
      clientId,
      topic: out,
      qos,
      perSecond,
      first,
    }));
    const library = new LibraryProcess({
      storePath: testBed.storePath,
      url: testBed.proxy.url,
      clients: CLIENTS.map(({ clientId, protocolVersion }) => ({
        clientId,
        protocolVersion,
        maxReconnectDelayMs: 1_000,
        subscriptions: STREAMS.filter((stream) => stream.clientId === clientId).map((stream) => ({
          filter: stream.in,
          qos: stream.qos,
        })),
      })),
      traffic: traffic ? streams : [],
      doneFile: testBed.ledger.doneFile,
      receivedFile: testBed.ledger.receivedFile,
      generation,
    });
    return {
      started: library.whenOpen(),
      errors: () => library.errors(),
      log: () => library.log,
      kill: () => library.kill(),
      stop: () => library.stop(),
    };
  };
}
