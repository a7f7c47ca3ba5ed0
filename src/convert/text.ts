/** A field as text; absent or null: empty. A flow file may hold objects that `String` cannot convert. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  try {
    return String(value);
  } catch {
    return '';
  }
}
