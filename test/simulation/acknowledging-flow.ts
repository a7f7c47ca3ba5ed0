import type { AcknowledgementReference } from '../../src/client/acknowledgement-reference';
import type { SessionClient } from '../../src/client/session-client';
import type { Scheduler } from '../../src/scheduler';
import type { Oracle } from './oracle';
import type { Random } from './random';
import type { Trace } from './trace';

/** Topics whose messages the application acknowledges itself. */
export const MANUAL_TOPICS: ReadonlySet<string> = new Set(['in/2', 'in/3']);

const CALM_MS_MAX = 20;
const SOON_MS_MAX = 3_000;
/** Longer than most processes live: such a message is never acknowledged before a crash. */
const LATE_MS_MAX = 300_000;

/** The part of an application that acknowledges messages when it is done with them: late, and in no order. */
export class AcknowledgingFlow {
  constructor(
    private readonly client: SessionClient,
    private readonly scheduler: Scheduler,
    private readonly random: Random,
    private readonly oracle: Oracle,
    private readonly trace: Trace,
    private readonly isTroubled: () => boolean,
  ) {}

  given(number: number, reference: AcknowledgementReference): void {
    const { random } = this;
    const troubledMs = random.chance(0.03) ? LATE_MS_MAX : SOON_MS_MAX;
    this.scheduler.after(random.between(0, this.isTroubled() ? troubledMs : CALM_MS_MAX), () => {
      // As after it went through a file of the flow.
      const outcome = this.client.acknowledge(JSON.parse(JSON.stringify(reference)) as AcknowledgementReference);
      this.trace.add('acknowledged by flow', () => `${number} ${outcome}`);
      if (outcome === 'counted') this.oracle.acknowledgedByFlow(number);
      else if (outcome === 'repeated' || outcome === 'unknown') {
        this.oracle.violation(`the acknowledgement of inbound message ${number} is ${outcome}`);
      }
    });
  }
}
