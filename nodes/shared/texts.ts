/** Looks a runtime text up in the node set's catalogue. */
export type Translate = (key: string, values?: Record<string, unknown>) => string;

/** Texts of this node set, by their key below `shared.runtime`. */
export function runtimeTexts(translate: (key: string, values?: Record<string, string>) => string): Translate {
  return (key, values = {}) => {
    const texts = Object.entries(values).map(([name, value]) => [name, String(value)]);
    return translate(`shared.runtime.${key}`, Object.fromEntries(texts) as Record<string, string>);
  };
}
