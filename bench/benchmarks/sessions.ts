import { library } from '../built';
import { rounded } from '../figures';
import { withFolder } from '../folder';
import type { Benchmark } from '../result';

const EXPIRY_SECONDS = 3_600;

/** Administration of a store with many stored sessions, each with one message and one subscription. */
export const sessions: Benchmark = async ({ quick }) => {
  const count = quick ? 200 : 10_000;
  return withFolder(async (path) => {
    const store = await library.openSessionStore({ path, durability: 'os' });
    for (let index = 0; index < count; index++) {
      const client = new library.SessionClient({
        store,
        clientId: `bench-${index}`,
        expiryInterval: EXPIRY_SECONDS,
        connection: { url: 'mqtt://127.0.0.1:1', protocolVersion: 5, clean: false, keepalive: 60 },
      });
      await client.open();
      await client.publish({ topic: 'bench/sessions', payload: Buffer.from('1'), qos: 1, retain: false });
      await client.close();
    }
    const listed = await timed(() => store.list());
    const described = await timed(() => store.inspect(`bench-${count - 1}`));
    const cleaned = await timed(() => store.cleanUp());
    await store.close();
    if (listed.result.length !== count) throw new Error(`${listed.result.length} of ${count} sessions are listed`);
    const { sessions: expired, failed } = cleaned.result;
    if (expired.length + failed.length > 0)
      throw new Error(`clean-up removed ${expired.length}, ${failed.length} failed`);
    return {
      benchmark: 'sessions',
      what: `${count} stored sessions`,
      figures: {
        count,
        listMs: rounded(listed.ms),
        inspectMs: rounded(described.ms),
        cleanUpMs: rounded(cleaned.ms),
      },
      table: {},
      targets: [
        { what: 'ms to list', value: rounded(listed.ms), atMost: 2_000 },
        { what: 'ms to inspect', value: rounded(described.ms), atMost: 2_000 },
        { what: 'ms to clean up', value: rounded(cleaned.ms), atMost: 2_000 },
      ],
    };
  });
};

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const begin = performance.now();
  const result = await work();
  return { result, ms: performance.now() - begin };
}
