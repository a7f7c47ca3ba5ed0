/**
 * The points of a line over `depths`, for an SVG of this size: newest at the right, `span` values from edge to edge, 0 at
 * the bottom. Empty when there are fewer than two values.
 */
export function sparklinePoints(depths: readonly number[], width: number, height: number, span: number): string {
  const shown = depths.slice(-span);
  if (shown.length < 2) return '';
  const top = Math.max(1, ...shown);
  const step = width / (span - 1);
  const left = width - step * (shown.length - 1);
  return shown
    .map((depth, index) => `${round(left + index * step)},${round(height - (depth / top) * height)}`)
    .join(' ');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
