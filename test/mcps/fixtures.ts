import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import type { McpsV1Session } from '../../src/mcps/v1';

const directory = path.join(__dirname, '../fixtures/mcps-v1');

interface FixtureJson extends Omit<McpsV1Session, 'inflight'> {
  inflight: (Omit<McpsV1Session['inflight'][number], 'payload'> & { payloadHex: string })[];
}

/** Files written by the original implementation, with what they contain. */
export function fixtures(): { name: string; bytes: Buffer; session: McpsV1Session }[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.mcps'));
  return names.map((name) => {
    const json = JSON.parse(readFileSync(path.join(directory, name.replace(/mcps$/, 'json')), 'utf8')) as FixtureJson;
    const inflight = json.inflight.map(({ payloadHex, ...message }) => ({
      ...message,
      payload: Buffer.from(payloadHex, 'hex'),
    }));
    return { name, bytes: readFileSync(path.join(directory, name)), session: { ...json, inflight } };
  });
}
