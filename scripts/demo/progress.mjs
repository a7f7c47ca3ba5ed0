const INTERVAL_MS = 3_000;

/** Writes a line every few seconds while `work` runs, so that nobody takes waiting for hanging. */
export async function withProgress(what, work) {
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1000);
  const timer = setInterval(() => console.log(`  ${what} (${seconds()} s) ...`), INTERVAL_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** A line with the time of day: what happened while the demo runs. */
export function report(text) {
  console.log(`  ${new Date().toTimeString().slice(0, 8)}  ${text}`);
}
