export interface Rows {
  /** The first one, and how many. */
  first: number;
  count: number;
}

/** The rows of a list of `total` that are seen when it is scrolled by `scrollTop`, with `around` more at both ends. */
export function visibleRows(
  { scrollTop, height, rowHeight }: { scrollTop: number; height: number; rowHeight: number },
  total: number,
  around = 0,
): Rows {
  const from = Math.floor(scrollTop / rowHeight) - around;
  const to = Math.ceil((scrollTop + height) / rowHeight) + around;
  const first = Math.min(Math.max(0, from), total);
  return { first, count: Math.max(0, Math.min(to, total) - first) };
}
