import type { Connect } from '../../src/connection/types';
import type { LinkRules } from './link-rules';
import type { ModelBroker } from './model-broker';
import type { Random } from './random';
import { SimulatedLink } from './simulated-link';
import type { Trace } from './trace';
import type { VirtualTime } from './virtual-time';

/** A broker at its address, with the rules for all packets between it and the client. */
export interface Site {
  url: string;
  broker: ModelBroker;
  rules: LinkRules;
}

/**
 * Links with latency that can be cut (what is under way is lost, in part or as a whole), fall silent (half-open) and
 * refuse connections. Bytes on one link never overtake each other.
 */
export class Network {
  /** While false no link can be made. */
  reachable = true;
  readonly links = new Set<SimulatedLink>();
  #count = 0;

  constructor(
    readonly time: VirtualTime,
    readonly random: Random,
    readonly trace: Trace,
    private readonly latencyMsMax: number,
    private readonly sites: ReadonlyMap<string, Site>,
  ) {}

  /** The present link; `undefined`: there is none. */
  get link(): SimulatedLink | undefined {
    return [...this.links].at(-1);
  }

  /** `Connect` for one process. */
  connectFor(isAlive: () => boolean): Connect {
    return (options, events) => {
      const site = this.sites.get(options.url);
      if (site === undefined) throw new Error(`no broker at ${options.url}`);
      const link = new SimulatedLink(this, site, ++this.#count, options, events, isAlive);
      this.links.add(link);
      link.open();
      return link;
    };
  }

  latency(): number {
    return this.random.between(0, this.latencyMsMax);
  }
}
