/** What Node-RED itself writes, at each start on a user directory that is new, beyond information. */
const ownLines = [
  /^\[warn\] Projects disabled : set editorTheme\.projects\.enabled=true to enable$/,
  /^\[warn\] Encrypted credentials not found$/,
];

/** Around the first entry. */
const banner = /^(?:|Welcome to Node-RED|=+)$/;

/** The lines of Node-RED's log that are neither information nor its own: warnings, errors, and what Node.js prints. */
export function complaints(log: string): string[] {
  return log
    .split('\n')
    .map((line) => line.trim().replace(/^\d+ \S+ [\d:]+ - (?=\[)/, ''))
    .filter((line) => !banner.test(line) && !line.startsWith('[info] ') && line !== '[info]')
    .filter((line) => !ownLines.some((own) => own.test(line)));
}
