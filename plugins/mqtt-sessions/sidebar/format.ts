/** Numbers as a language writes them. */
export interface Formats {
  count(value: number): string;
  /** With the unit that fits, of powers of 1024. */
  bytes(value: number): string;
  /** The largest unit that fits, rounded down. */
  duration(ms: number): string;
  /** Of 0 to 1. */
  percent(share: number): string;
  /** Date and time of milliseconds since the epoch. */
  time(at: number): string;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const DURATION_UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** @param language As a BCP 47 tag; one that is not known means English. */
export function formatsFor(language: string): Formats {
  const locale = supported(language);
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const shares = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
  const times = new Intl.DateTimeFormat(locale, { dateStyle: 'short', timeStyle: 'medium' });
  const tenths = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const durations = new Map(
    DURATION_UNITS.map(([unit]) => [
      unit,
      new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 0 }),
    ]),
  );
  return {
    count: (value) => whole.format(value),
    bytes(value) {
      let power = 0;
      // What would be rounded to 1024 of a unit is 1 of the next.
      while (value >= 1023.5 && power < BYTE_UNITS.length - 1) {
        value /= 1024;
        power += 1;
      }
      const number = (power > 0 && value < 9.95 ? tenths : whole).format(value);
      return `${number} ${BYTE_UNITS[power]}`;
    },
    duration(ms) {
      const [unit, length] = DURATION_UNITS.find(([, length]) => ms >= length) ?? (['second', 1_000] as const);
      return durations.get(unit)?.format(Math.max(0, Math.floor(ms / length))) ?? '';
    },
    // What there is never looks like nothing.
    percent: (share) => (share > 0 && share < 0.01 ? `<${shares.format(0.01)}` : shares.format(share)),
    time: (at) => times.format(at),
  };
}

function supported(language: string): string {
  try {
    return Intl.NumberFormat.supportedLocalesOf(language)[0] ?? 'en-US';
  } catch {
    // Not a language tag at all.
    return 'en-US';
  }
}
