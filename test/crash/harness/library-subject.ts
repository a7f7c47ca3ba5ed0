import { type LibraryClient, LibraryProcess, type TrafficStream } from '../../support/library-process';
import { firstNumber, KEEPALIVE_S, type Subject, type SubjectOptions } from './subject';
import type { TestBed } from './test-bed';

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

/** With QoS 0, of which only is promised that it does not come twice. */
export const ALL_STREAMS = [
  ...STREAMS,
  ...CLIENTS.map(({ clientId }) => ({
    clientId,
    qos: 0 as const,
    out: `${clientId}/out/qos0`,
    in: `${clientId}/in/qos0`,
  })),
];

export const ALL_INBOUND = ALL_STREAMS.map(({ in: topic, qos }) => ({ topic, qos }));

export interface LibraryOptions {
  generation?: number;
  /** Messages per second on each outbound stream, numbers from {@link firstNumber} on. Default: none. */
  perSecond?: number;
  /** Added to both clients. Default: they reconnect after at most a second. */
  client?: Partial<LibraryClient>;
  /** Default {@link STREAMS}. */
  streams?: readonly { clientId: string; qos: 0 | 1 | 2; out: string; in: string }[];
}

/** The library with one client for each protocol version, subscribed to its inbound streams. It is not waited for. */
export function libraryProcess(testBed: TestBed, options: LibraryOptions = {}): LibraryProcess {
  const { generation = 1, perSecond, client, streams: chosen = STREAMS } = options;
  const streams = chosen.map(
    ({ clientId, qos, out }): TrafficStream => ({
      clientId,
      topic: out,
      qos,
      perSecond: perSecond ?? 0,
      first: firstNumber(generation),
    }),
  );
  return new LibraryProcess({
    storePath: testBed.storePath,
    url: testBed.proxy.url,
    clients: CLIENTS.map(({ clientId, protocolVersion }) => ({
      clientId,
      protocolVersion,
      maxReconnectDelayMs: 1_000,
      subscriptions: chosen
        .filter((stream) => stream.clientId === clientId)
        .map((stream) => ({
          filter: stream.in,
          qos: stream.qos,
        })),
      ...client,
    })),
    traffic: perSecond === undefined ? [] : streams,
    largeFile: testBed.largeFile,
    handedFile: testBed.ledger.handedFile,
    doneFile: testBed.ledger.doneFile,
    receivedFile: testBed.ledger.receivedFile,
    generation,
  });
}

/** For {@link runCampaign}. */
export function startLibrarySubject(perSecond: number): (options: SubjectOptions) => Subject {
  return ({ testBed, generation, traffic }) => {
    const library = libraryProcess(testBed, {
      generation,
      streams: ALL_STREAMS,
      client: { keepalive: KEEPALIVE_S },
      ...(traffic && { perSecond }),
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
