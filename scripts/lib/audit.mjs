import { npm } from './command.mjs';
import { root } from './project.mjs';

/** npm's report, or undefined when it wrote something else. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Asks the registry in use about the runtime dependencies, prints what it knows and sets the exit code. */
export async function audit() {
  const { output } = await npm(['audit', '--omit=dev', '--audit', '--json', '--loglevel=silent'], {
    cwd: root,
    stdout: 'pipe',
  });
  const report = parsed(output);
  const counts = report?.metadata?.vulnerabilities;
  if (counts === undefined) {
    const reason = report?.error?.summary || report?.message || output.trim() || 'npm gave no answer';
    console.error(`Not audited: the registry in use has no audit endpoint, or it could not be reached (${reason}).`);
    process.exitCode = 2;
    return;
  }
  if (counts.total === 0) {
    console.log('No known weaknesses in the runtime dependencies.');
    return;
  }
  for (const [name, { severity, range }] of Object.entries(report.vulnerabilities)) {
    console.log(`${severity}: ${name} ${range}`);
  }
  console.log(`${counts.total} known weaknesses; \`npm audit --omit=dev\` tells more.`);
  process.exitCode = 1;
}
