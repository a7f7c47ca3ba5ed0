import { drawing, setAttribute } from './elements';
import { sparklinePoints } from './sparkline';

/** A minute of values, from edge to edge; more when the server has more: up to five minutes. */
const SPAN_MIN = 12;
const WIDTH = 60;
const HEIGHT = 18;

/** A line of how many messages were stored; it says nothing to screen readers, which are given the numbers. */
export class Graph {
  readonly element: SVGElement;
  readonly #line = drawing('polyline', { fill: 'none', 'vector-effect': 'non-scaling-stroke' });

  constructor() {
    const box = `0 -1 ${WIDTH} ${HEIGHT + 2}`;
    const attributes = {
      class: 'mqtt-sessions-graph',
      viewBox: box,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    };
    this.element = drawing('svg', attributes, [this.#line]);
  }

  /** @returns whether there is anything to show; else it takes no room. */
  show(depths: readonly number[] | undefined): boolean {
    const isFlat = depths?.every((depth) => depth === 0) ?? true;
    const points = isFlat ? '' : sparklinePoints(depths ?? [], WIDTH, HEIGHT, Math.max(SPAN_MIN, depths?.length ?? 0));
    setAttribute(this.#line, 'points', points);
    this.element.toggleAttribute('hidden', points === '');
    return points !== '';
  }
}
