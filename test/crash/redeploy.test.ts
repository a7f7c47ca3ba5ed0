import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { type DeploymentType, type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { crashFlow, type FlowNode, reportedErrors } from './harness/flow';
import { judgeInbound, judgeOutbound, observedKey, waitForObserved, waitForReceived } from './harness/judgement';
import { keyOf } from './harness/ledger';
import { INBOUND, STREAMS } from './harness/library-subject';
import { firstNumber } from './harness/subject';
import { TestBed } from './harness/test-bed';

/** On each of four streams in and four out: 1,000 each way. */
const PER_SECOND = 250;
/** How many come and go between two deploys. */
const BETWEEN = 1_500;

describe('a deploy during 1,000 messages a second in and out', function () {
  this.timeout(120_000);
  let testBed: TestBed;
  let nodeRed: NodeRedProcess | undefined;
  let flow: FlowNode[];
  const detail = () => `${nodeRed?.logs()}\n${testBed.describe()}`;

  beforeEach(async () => {
    testBed = await TestBed.start();
    flow = crashFlow({
      brokerPort: testBed.proxy.port,
      storePath: testBed.storePath,
      doneFile: testBed.ledger.doneFile,
      receivedFile: testBed.ledger.receivedFile,
      perSecond: PER_SECOND,
    });
    nodeRed = await startNodeRed(path.join(testBed.directory, 'node-red'), {
      flows: flow,
      env: { GENERATION: '1', FIRST: String(firstNumber(1)), TRAFFIC: '1' },
    });
    await testBed.waitForSubscriptions(INBOUND, detail);
    testBed.feed(INBOUND, PER_SECOND);
    await waitForMore();
  });

  afterEach(async () => {
    await nodeRed?.kill();
    await testBed.stop();
  });

  async function waitForMore(): Promise<void> {
    const { observer, ledger } = testBed;
    const out = observer.messages.length + BETWEEN;
    const received = ledger.refresh().received.length + BETWEEN;
    const come = () => observer.messages.length >= out && ledger.refresh().received.length >= received;
    await waitFor(come, { what: `${BETWEEN} more messages in and out`, timeoutMs: 30_000, detail });
  }

  /** Deploys the flow with one property of all nodes of a type changed. */
  async function deploy(deployment: DeploymentType, type: string, change: Record<string, unknown>): Promise<void> {
    flow = flow.map((node) => (node.type === type ? { ...node, ...change } : node));
    await nodeRed!.deploy(flow, deployment);
    await waitForMore();
  }

  /** @returns numbers that the flow made and that never came to the observer. */
  async function finish(title: string): Promise<number> {
    // Without its timer the flow makes no more messages, and everything else stays as it is.
    flow = flow.filter(({ type }) => type !== 'inject');
    await nodeRed!.deploy(flow, 'nodes');
    await testBed.stopFeeds();
    const { ledger, observer } = testBed;
    await waitForReceived(ledger, testBed.published, { timeoutMs: 30_000, detail });
    await waitForObserved(observer, ledger.refresh().done, { timeoutMs: 30_000, detail });
    await testBed.settle();
    assert.deepEqual(reportedErrors(nodeRed!.logs()), []);
    const outbound = judgeOutbound(observer);
    const inbound = judgeInbound(ledger.received, testBed.brokerDeliveries());
    const gaps = gapsIn(observer.messages.map(observedKey));
    await nodeRed!.stop();
    console.log(
      `${title}: out ${ledger.done.length} reported done, 0 missing (${outbound.doubledQoS1} QoS 1 repeated), ${gaps} made ` +
        `while the out nodes were away; in ${testBed.published.length} published, 0 missing ` +
        `(${inbound.repeatedQoS1} QoS 1 repeated); ${testBed.proxy.connectionCount} connections`,
    );
    return gaps;
  }

  it('of the in nodes loses nothing', async () => {
    for (const name of ['one', 'two', 'three']) await deploy('nodes', 'mqtt-persistent-in', { name });
    assert.equal(await finish('in nodes, 3 times'), 0);
  });

  it('of the broker nodes loses nothing', async () => {
    for (const keepalive of ['61', '62', '63']) await deploy('nodes', 'mqtt-persistent-broker', { keepalive });
    await finish('broker nodes, 3 times');
  });

  it('of everything loses nothing', async () => {
    for (const name of ['one', 'two', 'three']) await deploy('full', 'tab', { label: name });
    await finish('full, 3 times');
  });
});

/** Numbers that are missing between the first and the last of each outbound stream. */
function gapsIn(keys: readonly string[]): number {
  const seen = new Set(keys);
  return STREAMS.reduce((gaps, { out }) => {
    const numbers = keys.filter((key) => key.startsWith(`${out} `)).map((key) => Number(key.split(' ')[1]));
    const first = firstNumber(1);
    const last = numbers.reduce((highest, number) => Math.max(highest, number), first);
    for (let number = first; number <= last; number++) if (!seen.has(keyOf(out, number))) gaps++;
    return gaps;
  }, 0);
}
