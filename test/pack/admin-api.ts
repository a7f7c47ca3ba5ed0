import { packageName } from './installation';

/** The parts of Node-RED's admin API that its editor uses to load a package. */
export class AdminApi {
  constructor(private readonly url: string) {}

  /** The node sets of the package. */
  async nodeSets(): Promise<{ name: string; types: string[]; enabled: boolean; err?: unknown }[]> {
    const sets = (await this.#json('/nodes')) as { module: string; name: string; types: string[]; enabled: boolean }[];
    return sets.filter(({ module }) => module === packageName);
  }

  /** The editor parts of all node sets. */
  editorParts(): Promise<string> {
    return this.#text('/nodes', 'text/html');
  }

  /** The texts of the node sets, by the name of the set. */
  async texts(): Promise<Record<string, Record<string, unknown>>> {
    return (await this.#json('/nodes/messages?lng=en-US')) as Record<string, Record<string, unknown>>;
  }

  /** The file names of the package's icons. */
  async icons(): Promise<string[]> {
    return ((await this.#json('/icons')) as Record<string, string[]>)[packageName] ?? [];
  }

  icon(file: string): Promise<string> {
    return this.#text(`/icons/${packageName}/${file}`, 'image/svg+xml');
  }

  /** What stands below Import, Examples, for the package. */
  async examples(): Promise<string[]> {
    const packages = (await this.#json('/library/examples/flows/')) as string[];
    if (!packages.includes(packageName)) return [];
    const entries = (await this.#json(`/library/examples/flows/${packageName}`)) as { fn: string }[];
    return entries.map(({ fn }) => fn);
  }

  /** An example, as the editor imports it. */
  example(name: string): Promise<unknown> {
    return this.#json(`/library/examples/flows/${packageName}/${name}`);
  }

  /** Presses the button of an Inject node. */
  async inject(id: string): Promise<void> {
    await this.#fetch(`/inject/${id}`, { method: 'POST' });
  }

  async #json(location: string): Promise<unknown> {
    return JSON.parse(await this.#text(location, 'application/json'));
  }

  async #text(location: string, accept: string): Promise<string> {
    return (await this.#fetch(location, { headers: { Accept: accept } })).text();
  }

  async #fetch(location: string, init: RequestInit): Promise<Response> {
    const response = await fetch(`${this.url}${location}`, init);
    if (!response.ok) throw new Error(`${location}: ${response.status} ${await response.text()}`);
    return response;
  }
}
