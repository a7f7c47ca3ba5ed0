import { waitFor } from '../../support/wait';
import { type Finding, type FindingKind, type InboundFigures, inboundFindings, outboundFindings } from './findings';
import { newlyObserved, newlyReceived } from './judgement';
import type { MessageKey } from './ledger';
import type { TestBed } from './test-bed';

/** What is wrong, and whose fault it is. */
export interface Verdict extends InboundFigures {
  /** What no fault of the broker explains. */
  findings: Finding[];
  /** What the broker alone lost, doubled or mixed up; see BrokerFaults. */
  brokersFault: { lost: number; doubled: number; disorder: number; republished: number };
  /** Given to be published with QoS 1 or 2, and never at the observer, whether reported done or not. */
  neverArrived: number;
  /** Given to be published with QoS 1 or 2. */
  handedToArrive: number;
  /** Reported done with QoS 1 or 2. */
  doneToArrive: number;
  violations: number;
}

const HISTORIES_MAX = 3;
const LINES_MAX = 60;

/** QoS 0 is promised at most once: it is not waited for. */
function isPromised(key: MessageKey): boolean {
  return !key.includes('/qos0 ');
}

function qosOf(key: MessageKey): 1 | 2 {
  return key.includes('/qos2 ') ? 2 : 1;
}

/** Messages that were promised and did not arrive, in both directions. */
class Missing {
  readonly #out = new Set<MessageKey>();
  readonly #in = new Set<MessageKey>();
  readonly #observed: () => MessageKey[];
  readonly #received: () => MessageKey[];

  constructor(testBed: TestBed) {
    this.#observed = newlyObserved(testBed.observer);
    this.#received = newlyReceived(testBed.ledger);
    for (const key of testBed.ledger.refresh().done) if (isPromised(key)) this.#out.add(key);
    for (const key of testBed.published) this.#in.add(key);
  }

  get count(): number {
    return this.#out.size + this.#in.size;
  }

  /** Takes in what has come since the last call. */
  findings(): Finding[] {
    for (const key of this.#observed()) this.#out.delete(key);
    for (const key of this.#received()) this.#in.delete(key);
    const finding = (kind: FindingKind, text: string) => (key: MessageKey) => ({ kind, key, qos: qosOf(key), text });
    return [
      ...[...this.#out].map(finding('lost-out', 'reported done, and not at the observer')),
      ...[...this.#in].map(finding('lost-in', 'published, and not handed over')),
    ];
  }
}

/** Waits until everything arrived but what the broker lost, or nothing has come any more for `quietMs`. */
export async function drain(
  testBed: TestBed,
  { timeoutMs, quietMs }: { timeoutMs: number; quietMs: number },
): Promise<void> {
  const missing = new Missing(testBed);
  let before = Number.POSITIVE_INFINITY;
  let changedAt = performance.now();
  const endAt = changedAt + timeoutMs;
  const arrived = () => {
    const findings = missing.findings();
    const now = performance.now();
    if (findings.length !== before) changedAt = now;
    before = findings.length;
    if (now >= endAt || now - changedAt >= quietMs) return true;
    return findings.every((finding) => testBed.brokerFaults.explains(finding));
  };
  await waitFor(arrived, { what: 'the end', timeoutMs: timeoutMs * 2, intervalMs: 50 });
}

/** @throws Error when the broker lost the session of the observer: then nothing can be concluded. */
export function judge(testBed: TestBed): Verdict {
  const { observer, ledger, brokerFaults, proxy } = testBed;
  if (observer.sessionsLost > 0) throw new Error('the broker lost the session of the observer');
  const { figures, findings: inbound } = inboundFindings(ledger.refresh().received, testBed.brokerDeliveries());
  const all = [...new Missing(testBed).findings(), ...outboundFindings(observer), ...inbound];
  const brokers = all.filter((finding) => brokerFaults.explains(finding));
  const count = (kinds: FindingKind[]) => brokers.filter(({ kind }) => kinds.includes(kind)).length;
  const republished = brokers.filter((finding) => brokerFaults.isRepublished(finding)).length;
  const observed = new Set(newlyObserved(observer)());
  const promised = (keys: readonly MessageKey[]) => keys.filter(isPromised);
  return {
    ...figures,
    findings: all.filter((finding) => !brokers.includes(finding)),
    brokersFault: {
      lost: count(['lost-out', 'lost-in']),
      doubled: count(['doubled-out', 'doubled-in']) - republished,
      disorder: count(['disorder-out', 'disorder-in']),
      republished,
    },
    neverArrived: promised(ledger.handed).filter((key) => !observed.has(key)).length,
    handedToArrive: promised(ledger.handed).length,
    doneToArrive: promised(ledger.done).length,
    violations: proxy.checker.violations.length,
  };
}

/** The findings, and the histories of the first of them. */
export function describeVerdict(testBed: TestBed, findings: readonly Finding[]): string {
  const { ledger, observer, wire } = testBed;
  const histories = findings.slice(0, HISTORIES_MAX).flatMap(({ key, kind, text }) => {
    const done = ledger.done.includes(key) ? ['reported done'] : [];
    const handed = ledger.received
      .filter((handOver) => handOver.key === key)
      .map(
        ({ generation, dup, redelivered }) =>
          `handed over to run ${generation}, dup ${dup}, redelivered ${redelivered}`,
      );
    const topic = key.split(' ')[0] as string;
    const seen = observer
      .on(topic)
      .filter(({ payload }) => payload.includes(`"seq":${key.split(' ')[1]}`))
      .map(({ atMs = 0, dup }) => `${atMs.toFixed(1).padStart(10)} at the observer, dup ${dup}`);
    return [`${kind} ${key}: ${text}`, ...done, ...handed, ...wire.linesOf(key).slice(-LINES_MAX), ...seen, ''];
  });
  const list = findings.slice(0, 20).map(({ kind, key, text }) => `  ${kind} ${key}: ${text}`);
  return [`${findings.length} findings:`, ...list, '', ...histories].join('\n');
}
