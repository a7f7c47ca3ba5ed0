import { type CampaignFigures, type CampaignOptions, runCampaign } from './campaign';

const registered: (() => void)[] = [];

/**
 * The campaigns of all test files that are loaded run at the same time, from the first call of any of the functions that
 * this returns: each waits for processes and networks most of the time.
 *
 * @returns a function that answers with the figures of this one; it rejects as {@link runCampaign} does.
 */
export function campaignSideBySide(options: CampaignOptions): () => Promise<CampaignFigures> {
  let running: Promise<CampaignFigures> | undefined;
  registered.push(() => {
    running ??= runCampaign(options);
    // Its own test gets the error.
    running.catch(() => undefined);
  });
  return () => {
    for (const start of registered) start();
    return running as Promise<CampaignFigures>;
  };
}
