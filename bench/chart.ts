import type { Chart } from './result';

const WIDTH = 760;
const NAME_WIDTH = 190;
const VALUE_WIDTH = 110;
const ROW_HEIGHT = 30;
const BAR_HEIGHT = 18;
const TOP = 56;

/** A bar chart as SVG that follows the reader's light or dark scheme. Text and bars, no script, no font to load. */
export function svgOf({ title, unit, bars }: Chart, machine: string): string {
  const most = Math.max(...bars.map(({ value }) => value), 1);
  const room = WIDTH - NAME_WIDTH - VALUE_WIDTH;
  const height = TOP + bars.length * ROW_HEIGHT + 34;
  const rows = bars.map(({ name, value, isOurs }, index) => {
    const y = TOP + index * ROW_HEIGHT;
    const length = Math.max(1, Math.round((value / most) * room));
    const baseline = y + BAR_HEIGHT - 4;
    return [
      `  <text class="name" x="${NAME_WIDTH - 10}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
      `  <rect class="${isOurs ? 'ours' : 'theirs'}" x="${NAME_WIDTH}" y="${y}" width="${length}" height="${BAR_HEIGHT}" rx="2"/>`,
      `  <text class="value" x="${NAME_WIDTH + length + 8}" y="${baseline}">${shown(value)}</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(`${title}, ${unit}`)}">
  <style>
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 15px; }
    .note { font-size: 11px; fill: #59636e; }
    .background { fill: #ffffff; }
    .ours { fill: #8f1d1d; }
    .theirs { fill: #9aa4ae; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .note { fill: #9198a1; }
      .background { fill: #0d1117; }
      .ours { fill: #e5706b; }
      .theirs { fill: #6e7781; }
    }
  </style>
  <rect class="background" width="${WIDTH}" height="${height}" rx="6"/>
  <text class="title" x="16" y="28">${escaped(title)}</text>
  <text class="note" x="16" y="45">${escaped(unit)}; longer is better</text>
${rows.join('\n')}
  <text class="note" x="16" y="${height - 12}">${escaped(machine)}</text>
</svg>
`;
}

function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : String(value);
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
