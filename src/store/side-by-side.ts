/** Files that are looked at at the same time; more would fill Node's thread pool. */
const WORKERS = 3;

/** Does `work` for every item, a few at the same time. Rejects with the first error; no new work is begun after it. */
export async function sideBySide<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const item = items[next++] as T;
      try {
        await work(item);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}
