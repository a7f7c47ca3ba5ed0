import type { AcknowledgementReference } from '../../src/client/acknowledgement-reference';
import type { SessionClient } from '../../src/client/session-client';
import type { Scheduler } from '../../src/scheduler';
import type { Random } from './random';
import type { Stage } from './stage';

/** Topics whose messages the application acknowledges itself. */
export const MANUAL_TOPICS: ReadonlySet<string> = new Set(['in/2', 'in/3']);

const CALM_MS_MAX = 20;
const SOON_MS_MAX = 3_000;
/** Longer than most processes live: such a message is never acknowledged before a crash. */
const LATE_MS_MAX = 300_000;
/** As after it went through a file of the flow. */
const KEPT_REFERENCES_MAX = 12;

/** The part of an application that acknowledges messages when it is done with them: late, and in no order. */
export class AcknowledgingFlow {
  /** @param kept References given to earlier processes; those of this one are added. */
  constructor(
    private readonly client: SessionClient,
    private readonly scheduler: Scheduler,
    private readonly random: Random,
    private readonly stage: Stage,
    private readonly kept: string[],
  ) {
    for (const reference of kept.splice(0)) {
      scheduler.after(random.between(0, SOON_MS_MAX), () => {
        const outcome = client.acknowledge(JSON.parse(reference) as AcknowledgementReference);
        stage.trace.add('acknowledged by flow too late', () => `${reference} ${outcome}`);
        if (outcome !== 'other-epoch') stage.oracle.violation(`an acknowledgement of an earlier process is ${outcome}`);
      });
    }
  }

  given(number: number, reference: AcknowledgementReference): void {
    const { random, stage } = this;
    const { oracle, trace } = stage;
    const json = JSON.stringify(reference);
    if (this.kept.length < KEPT_REFERENCES_MAX) this.kept.push(json);
    const troubledMs = random.chance(0.03) ? LATE_MS_MAX : SOON_MS_MAX;
    this.scheduler.after(random.between(0, stage.isTroubled() ? troubledMs : CALM_MS_MAX), () => {
      const outcome = this.client.acknowledge(JSON.parse(json) as AcknowledgementReference);
      if (outcome === 'repeated' || outcome === 'unknown') {
        oracle.violation(`the acknowledgement of inbound message ${number} is ${outcome}`);
        return;
      }
      if (outcome !== 'counted') {
        trace.add('acknowledged by flow too late', () => `${number} ${outcome}`);
        return;
      }
      trace.events += 1;
      trace.add('acknowledged by flow', () => String(number));
      oracle.acknowledgedByFlow(number);
    });
  }
}
