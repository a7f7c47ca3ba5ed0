/**
 * The topic aliases that publishers ask for (5.0, 3.3.2.3.4). An alias belongs to a connection, not to a message, which
 * may wait on disk for another one; so what is asked for is kept here, and each connection uses what its server allows.
 */
export class TopicAliasWishes {
  readonly #aliases = new Map<string, number>();
  readonly #topics = new Map<number, string>();

  /** `alias`: 1 to 65,535. It stands for one topic, the latest it was asked for. */
  wish(topic: string, alias: number): void {
    const earlierTopic = this.#topics.get(alias);
    if (earlierTopic === topic) return;
    const earlierAlias = this.#aliases.get(topic);
    if (earlierTopic !== undefined) this.#aliases.delete(earlierTopic);
    if (earlierAlias !== undefined) this.#topics.delete(earlierAlias);
    this.#aliases.set(topic, alias);
    this.#topics.set(alias, topic);
  }

  aliasOf(topic: string): number | undefined {
    return this.#aliases.get(topic);
  }
}
