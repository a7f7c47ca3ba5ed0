/** Plays the episodes that its parent asks for, see crew.ts. An error ends it, and says so on stderr. */
import type { PlainEpisode } from './crew';
import { Episode } from './episode';

process.on('message', (episode: PlainEpisode) => {
  void new Episode(episode).run().then((result) => process.send?.(result));
});
// The parent is done, or gone.
process.on('disconnect', () => process.exit());
