/**
 * Whether something that goes up and down stays level in the long run.
 *
 * Outages fill queues and leave garbage, so single values say nothing. The lower envelope does: the least value of each
 * of a few equal spans of time. What leaks is missing from no span, so it lifts the least value of the later ones.
 */

const SPANS = 6;
const VALUES_PER_SPAN_MIN = 3;

/** The least value of each span, oldest first. @throws Error when there are too few values to say anything. */
export function lowerEnvelope(values: readonly number[]): number[] {
  if (values.length < SPANS * VALUES_PER_SPAN_MIN) {
    throw new Error(`${values.length} values are too few: ${SPANS * VALUES_PER_SPAN_MIN} are needed`);
  }
  return Array.from({ length: SPANS }, (_unused, span) => {
    const from = Math.floor((span * values.length) / SPANS);
    const to = Math.floor(((span + 1) * values.length) / SPANS);
    return Math.min(...values.slice(from, to));
  });
}

/** How far the lower envelope rises from its first to its last span, along the line that fits it best. */
export function rise(values: readonly number[]): number {
  const envelope = lowerEnvelope(values);
  const middle = (SPANS - 1) / 2;
  const mean = envelope.reduce((sum, value) => sum + value, 0) / SPANS;
  let products = 0;
  let squares = 0;
  envelope.forEach((value, span) => {
    products += (span - middle) * (value - mean);
    squares += (span - middle) ** 2;
  });
  return (products / squares) * (SPANS - 1);
}
