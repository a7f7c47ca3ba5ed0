import * as fs from 'node:fs';
import * as path from 'node:path';

/** The project's top folder. */
export const root = path.resolve(__dirname, '..', '..');

/**
 * The text files below some folders (or single files) of the project with one of the endings, by their path from the
 * top folder with `/` on every platform. Folders that do not exist are empty; installed and built files are left out.
 */
export function readSources(folders: readonly string[], endings: readonly string[]): Map<string, string> {
  const sources = new Map<string, string>();
  const visit = (location: string): void => {
    const absolute = path.join(root, location);
    const entry = fs.statSync(absolute, { throwIfNoEntry: false });
    if (entry?.isDirectory()) {
      for (const name of fs.readdirSync(absolute).sort()) {
        if (name !== 'node_modules') {
          visit(`${location}/${name}`);
        }
      }
    } else if (entry?.isFile() && endings.some((ending) => location.endsWith(ending))) {
      sources.set(location, fs.readFileSync(absolute, 'utf8'));
    }
  };
  for (const folder of folders) {
    visit(folder);
  }
  return sources;
}
